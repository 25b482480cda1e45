"""Answers of a list are scored as a plain pass over prompt and answer scores them, whatever was read before."""

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from vlm_lib.evaluation.closed_list import AnswerScorer, side_by_side

LETTERS = "abcdefghij"


@pytest.fixture(scope="module")
def lm():
    """A tokenizer whose tokens are single letters and the space, and an untrained model of them."""
    vocabulary = {letter: i for i, letter in enumerate(LETTERS + " ")}
    tokens = Tokenizer(models.WordLevel(vocabulary, unk_token="a"))
    tokens.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokens)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=11, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2
    )
    return LlamaForCausalLM(config).eval(), tokenizer


@torch.no_grad()
def plain(lm, prompt, answer):
    """Without a cache or a mask: every token after the prompt by what stands before it."""
    model, tokenizer = lm
    start, ids = len(tokenizer(prompt).input_ids), tokenizer(f"{prompt} {answer}").input_ids
    chances = model(torch.tensor([ids])).logits[0].log_softmax(dim=-1)
    return sum(chances[i - 1, ids[i]] for i in range(start, len(ids)))


def test_sums_are_those_of_plain_passes_also_where_prompts_share_a_beginning(lm):
    scorer, answers = AnswerScorer(*lm), ["a", "abc", "bd", "abd"]
    for prompt in ("fghi", "fghij", "fghij", "fg", "hgf", "hgfabcde"):
        got = scorer(prompt, answers)
        torch.testing.assert_close(got, torch.stack([plain(lm, prompt, answer) for answer in answers]))


def test_an_answers_score_does_not_depend_on_its_company(lm):
    scorer = AnswerScorer(*lm)
    alone = torch.cat([scorer("dcba", [answer]) for answer in ("ae", "b", "ccc")])
    torch.testing.assert_close(scorer("dcba", ["ae", "b", "ccc"]), alone)
    torch.testing.assert_close(scorer("dcba", ["ccc", "ae", "b"]), alone[[2, 0, 1]])


def test_parts_see_what_stands_before_and_themselves():
    seen = side_by_side(1, 2, [2, 1]).int().tolist()
    assert seen == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 0, 0, 1],
    ]


@pytest.mark.parametrize(("prompt", "answers"), [("", ["a"]), ("a", []), ("a", "abc"), ("a", ["b", ""])])
def test_nothing_to_score_is_refused(lm, prompt, answers):
    with pytest.raises(ValueError, match="expected text"):
        AnswerScorer(*lm)(prompt, answers)
