"""Greedy and beam search: against transformers' own, and against every text there is, scored by brute force."""

import itertools

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.decoding import beam_search, greedy
from vlm_lib.training.seeds import seed_everything

EOS, VOCABULARY, WIDTH = 0, 7, 16


@pytest.fixture(params=[0, 1, 2])
def lm(request):
    seed_everything(request.param)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=32, n_embd=WIDTH, n_layer=1, n_head=2, initializer_range=0.6,
        bos_token_id=EOS, eos_token_id=EOS,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


@pytest.fixture
def prefix():
    return torch.randn(4, 3, WIDTH)


def theirs(lm, prefix, **options):
    mask = torch.ones(prefix.shape[:2], dtype=torch.long)
    options |= {"do_sample": False, "eos_token_id": EOS, "pad_token_id": EOS}
    rows = lm.generate(inputs_embeds=prefix, attention_mask=mask, **options).tolist()
    return [row[: row.index(EOS)] if EOS in row else row for row in rows]


def test_greedy_is_transformers_greedy(lm, prefix):
    said = greedy(lm, prefix, eos=EOS, max_tokens=6)
    assert said == theirs(lm, prefix, max_new_tokens=6)
    assert len({tuple(text) for text in said}) > 1  # prefixes have a say, or equality would mean little


@pytest.mark.parametrize("beams", [2, 3])
def test_beam_search_is_transformers_beam_search(lm, prefix, beams):
    for one in prefix:
        best = beam_search(lm, one, eos=EOS, max_tokens=6, beams=beams)[0]
        assert [list(best.tokens)] == theirs(
            lm, one[None], max_new_tokens=6, num_beams=beams, early_stopping=True, length_penalty=1.0
        )


@torch.no_grad()
def log_probability(lm, prefix, tokens):
    """By reading the whole text once."""
    ids = torch.tensor([tokens])
    inputs = torch.cat([prefix[None], lm.get_input_embeddings()(ids)], dim=1)
    chances = lm(inputs_embeds=inputs).logits[0].log_softmax(dim=-1)
    at = range(len(prefix) - 1, len(prefix) - 1 + len(tokens))
    return float(sum(chances[i, token] for i, token in zip(at, tokens, strict=True)))


def test_wide_enough_it_finds_the_best_text_there_is(lm, prefix):
    longest = 3
    words = [w for w in range(VOCABULARY) if w != EOS]
    texts = [(*t, EOS) for n in range(longest) for t in itertools.product(words, repeat=n)]
    texts += list(itertools.product(words, repeat=longest))
    best = max(log_probability(lm, prefix[0], text) for text in texts)
    beams = VOCABULARY**longest
    found = beam_search(lm, prefix[0], eos=EOS, max_tokens=longest, beams=beams, length_penalty=0.0)
    assert found[0].log_probability == pytest.approx(best, abs=1e-4)
    assert [b.log_probability for b in found] == sorted((b.log_probability for b in found), reverse=True)


def test_one_beam_is_greedy_and_scores_add_up(lm, prefix):
    for one, expected in zip(prefix, greedy(lm, prefix, eos=EOS, max_tokens=5), strict=True):
        beam = beam_search(lm, one, eos=EOS, max_tokens=5, beams=1)[0]
        assert list(beam.tokens) == expected
        tokens = [*beam.tokens, EOS] if beam.ended else list(beam.tokens)
        assert beam.log_probability == pytest.approx(log_probability(lm, one, tokens), abs=1e-4)


def test_bad_input_is_named(lm, prefix):
    with pytest.raises(ValueError, match="max_tokens"):
        greedy(lm, prefix, eos=EOS, max_tokens=0)
    with pytest.raises(ValueError, match="beams"):
        beam_search(lm, prefix[0], eos=EOS, max_tokens=3, beams=0)
    with pytest.raises(ValueError, match="prefix"):
        beam_search(lm, prefix, eos=EOS, max_tokens=3)
