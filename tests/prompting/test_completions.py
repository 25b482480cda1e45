"""Asking a language model in batches: the same as asking it alone, and the same as `transformers` says."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.prompting.completions import answer_tokens, log_probs, write

PROMPTS = ["the red circle is", "a large blue star left of a small red ring .", "we see", "the star"]
ANSWERS = ["red", "blue", "star"]


@pytest.fixture(scope="module")
def tokenizer():
    return world_tokenizer(("scenes",))


@pytest.fixture(scope="module")
def model(tokenizer):
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=len(tokenizer), num_key_value_heads=2, initializer_range=0.5, **sizes)
    return LlamaForCausalLM(config).eval()


def test_log_probs_are_those_of_each_prompt_alone(model, tokenizer):
    got = log_probs(model, tokenizer, PROMPTS, ANSWERS)
    for prompt, row in zip(PROMPTS, got, strict=True):
        ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids
        last = model(input_ids=ids).logits[0, -1].log_softmax(dim=0)
        expected = [last[tokenizer.convert_tokens_to_ids(answer)] for answer in ANSWERS]
        torch.testing.assert_close(row, torch.stack(expected), atol=1e-4, rtol=0)


def test_greedy_texts_are_those_of_transformers(model, tokenizer):
    got = write(model, tokenizer, PROMPTS, max_tokens=7)[:, 0].tolist()
    end = tokenizer.eos_token_id
    for prompt, said in zip(PROMPTS, got, strict=True):
        ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids
        theirs = model.generate(
            ids, do_sample=False, max_new_tokens=7, eos_token_id=end, pad_token_id=end, bos_token_id=end
        )[0, ids.shape[1] :].tolist()
        assert said == (theirs + [end] * 7)[:7]
    assert len({tuple(said) for said in got}) > 1


def test_behind_the_end_of_a_text_stands_the_end(model, tokenizer):
    texts = write(model, tokenizer, PROMPTS, max_tokens=40, count=8, temperature=3.0)
    ended = (texts == tokenizer.eos_token_id).long()
    assert ended.any()
    assert (ended.diff(dim=-1) >= 0).all()


def test_samples_follow_the_tempered_distribution_of_their_own_prompt(model, tokenizer):
    n = 4000
    texts = write(model, tokenizer, PROMPTS, max_tokens=2, count=n, temperature=0.7, seed=3)
    for prompt, said in zip(PROMPTS, texts, strict=True):
        ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids
        first = (model(input_ids=ids).logits[0, -1] / 0.7).softmax(dim=0)
        share = said[:, 0].bincount(minlength=len(first)) / n
        assert (share - first).abs().max() < 5 * (0.25 / n) ** 0.5
        likeliest = said[:, 0].mode().values
        longer = torch.cat([ids, likeliest.view(1, 1)], dim=1)
        if likeliest == tokenizer.eos_token_id:
            continue
        second = (model(input_ids=longer).logits[0, -1] / 0.7).softmax(dim=0)
        follow = said[said[:, 0] == likeliest, 1]
        share = follow.bincount(minlength=len(second)) / len(follow)
        assert (share - second).abs().max() < 5 * (0.25 / len(follow)) ** 0.5


def test_equal_seeds_write_equal_texts_and_others_do_not(model, tokenizer):
    one, same, other = (
        write(model, tokenizer, PROMPTS, max_tokens=5, count=3, temperature=1.0, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m, t: log_probs(m, t, "the red", ANSWERS), "prompts"),
        (lambda m, t: log_probs(m, t, ["the red "], ANSWERS), "space"),
        (lambda m, t: log_probs(m, t, [], ANSWERS), "prompts"),
        (lambda m, t: log_probs(m, t, PROMPTS, ["red"]), "answers: got"),
        (lambda m, t: log_probs(m, t, PROMPTS, ["red", "red"]), "different"),
        (lambda m, t: log_probs(m, t, PROMPTS, ["red", "blue star"]), "'blue star'"),
        (lambda m, t: write(m, t, PROMPTS, max_tokens=0), "max_tokens"),
        (lambda m, t: write(m, t, PROMPTS, max_tokens=2, count=2), "temperature: got 0.0 for 2"),
        (lambda m, t: write(m, t, PROMPTS, max_tokens=2, temperature=float("nan")), "temperature"),
    ],
)
def test_bad_input_is_named(model, tokenizer, ask, message):
    with pytest.raises(ValueError, match=message):
        ask(model, tokenizer)


def test_an_answer_is_the_token_of_a_word_within_a_sentence(tokenizer):
    assert answer_tokens(tokenizer, ["ring", "star"]).tolist() == tokenizer.convert_tokens_to_ids(["ring", "star"])
