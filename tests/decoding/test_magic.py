"""MAGiC and contrastive search: against the released ranking, slow references, and what must not change."""

from functools import partial

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from vlm_lib.decoding.magic import Guide, Weights, clip_term, degeneration_penalty, magic_plain, magic_score
from vlm_lib.decoding.magic_search import magic_search
from vlm_lib.training.seeds import seed_everything

EOS, VOCABULARY, IMAGES = 0, 11, 5
PROMPT = torch.tensor([3, 1, 4])


@pytest.fixture(params=["gpt2", "llama"])
def lm(request):
    seed_everything(0)
    sizes = {"vocab_size": VOCABULARY, "bos_token_id": EOS, "eos_token_id": EOS, "initializer_range": 0.5}
    if request.param == "gpt2":
        return GPT2LMHeadModel(GPT2Config(n_positions=32, n_embd=16, n_layer=2, n_head=2, **sizes)).eval()
    wide = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(max_position_embeddings=32, **wide, **sizes)).eval()


@pytest.fixture
def guide():
    """Images and texts as unit vectors; a text's vector is drawn from its letters, and never twice."""
    seen = []

    def encode(texts):
        seen.extend(texts)
        rows = [
            torch.randn(6, generator=torch.Generator().manual_seed(sum(map(ord, t)) + 7 * len(t))) for t in texts
        ]
        return torch.nn.functional.normalize(torch.stack(rows), dim=1)

    features = torch.nn.functional.normalize(torch.randn(IMAGES, 6, generator=seed_everything(1)), dim=1)
    made = Guide(features, encode, lambda tokens: "".join(chr(97 + token) for token in tokens if token != EOS))
    made.seen = seen
    return made


def released_ranking(context, candidates, confidence, alpha, beta, clip):
    """After `plug_and_play_fast_ranking` of github.com/yxuansu/MAGIC, acefac6: [k S E], [k 1 E], [1 k], [1 k]."""
    context = context / context.norm(dim=2, keepdim=True)
    candidates = candidates / candidates.norm(dim=2, keepdim=True)
    most = torch.max(torch.matmul(context, candidates.transpose(1, 2)).squeeze(-1), dim=-1)[0]
    return (1 - alpha) * confidence.view(-1) - alpha * most + beta * clip.view(-1)


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (0.1, 2.0), (0.6, 0.15), (1.0, 1.0)])
def test_the_score_is_that_of_the_released_code(alpha, beta):
    rng = seed_everything(2)
    context, candidates = torch.randn(7, 4, generator=rng), torch.randn(5, 4, generator=rng)
    confidence, cosine = torch.rand(5, generator=rng), torch.rand(5, generator=rng)
    expected = released_ranking(
        context.expand(5, -1, -1),
        candidates[:, None],
        confidence[None],
        alpha,
        beta,
        (100 * cosine[None]).softmax(1),
    )
    penalty = degeneration_penalty(candidates, context)
    ours = magic_score(confidence, penalty, cosine, Weights(5, alpha, beta, 100.0))
    torch.testing.assert_close(ours, expected)


def test_clips_term_sums_to_one_and_is_flat_without_scale():
    cosine = torch.tensor([0.1, 0.2, 0.3])
    assert clip_term(cosine, 30.0).sum() == pytest.approx(1)
    assert clip_term(cosine, 0.0).tolist() == pytest.approx([1 / 3] * 3)
    assert clip_term(cosine, 100.0)[2] > 0.99


@torch.no_grad()
def slow_contrastive_search(lm, prompt, k, alpha, max_tokens):
    """Su et al. 2022 (arXiv 2202.06417), equation 5, with loops and nothing shared with the library."""
    ids = prompt.tolist()
    for _ in range(max_tokens):
        logits = lm(torch.tensor([ids])).logits[0, -1]
        before = lm(torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0]
        scores = {}
        for token in logits.sort(descending=True).indices[:k].tolist():
            state = lm(torch.tensor([[*ids, token]]), output_hidden_states=True).hidden_states[-1][0, -1]
            cosines = [torch.dot(state, h) / (state.norm() * h.norm()) for h in before]
            scores[token] = (1 - alpha) * logits.softmax(0)[token] - alpha * max(cosines)
        ids.append(max(scores, key=scores.get))
        if ids[-1] == EOS:
            return ids[len(prompt) : -1]
    return ids[len(prompt) :]


@pytest.mark.parametrize("alpha", [0.0, 0.4, 0.8])
def test_without_a_guide_it_is_contrastive_search(lm, alpha):
    found = magic_search(lm, PROMPT, None, Weights(4, alpha), eos=EOS, max_tokens=10)
    assert found[0].tokens == slow_contrastive_search(lm, PROMPT, 4, alpha, 10)


def test_the_penalty_changes_what_is_said(lm):
    texts = {
        tuple(magic_search(lm, PROMPT, None, Weights(4, a), eos=EOS, max_tokens=10)[0].tokens) for a in (0.0, 0.8)
    }
    assert len(texts) == 2


def test_one_candidate_is_greedy_decoding_of_transformers(lm):
    ids = lm.generate(
        PROMPT[None], attention_mask=torch.ones(1, 3, dtype=torch.long), do_sample=False, max_new_tokens=8,
        eos_token_id=EOS, pad_token_id=EOS,
    )[0, 3:].tolist()  # fmt: skip
    expected = ids[: ids.index(EOS)] if EOS in ids else ids
    assert magic_search(lm, PROMPT, None, Weights(1, 0.6), eos=EOS, max_tokens=8)[0].tokens == expected
    assert magic_search(lm, PROMPT, None, Weights(5), eos=EOS, max_tokens=8)[0].tokens == expected


@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("reuse", [True, False])
def test_batched_and_plain_say_the_same_for_the_same_reasons(lm, guide, alpha, reuse):
    weights = Weights(4, alpha, 1.0, 5.0)
    found = magic_search(lm, PROMPT, guide, weights, eos=EOS, max_tokens=8, reuse=reuse, watch_penalty=True)
    assert len({tuple(each.tokens) for each in found}) > 1  # images have a say
    assert len({len(each.tokens) for each in found}) > 1  # and some end before others
    for row, each in enumerate(found):
        tokens, steps = magic_plain(lm, PROMPT, partial(guide.cosine, row), weights, eos=EOS, max_tokens=8)
        assert each.tokens == tokens
        for a, b in zip(each.steps, steps, strict=True):
            assert a.candidates.tolist() == b.candidates.tolist()
            assert a.chosen == b.chosen
            for term in ("confidence", "penalty", "cosine"):
                torch.testing.assert_close(getattr(a, term), getattr(b, term), atol=1e-5, rtol=1e-4)


def test_an_images_text_does_not_depend_on_the_images_beside_it(lm, guide):
    options = {"eos": EOS, "max_tokens": 8}
    together = magic_search(lm, PROMPT, guide, Weights(4, 0.2, 1.0, 5.0), **options)
    order = [3, 1, 4]
    apart = magic_search(lm, PROMPT, guide.of(order), Weights(4, 0.2, 1.0, 5.0), **options)
    assert [each.tokens for each in apart] == [together[row].tokens for row in order]


def test_an_empty_text_suits_no_picture(guide):
    cosines = guide.cosines([0, 1], [[(EOS,), (3,)], [(2,), (EOS,)]])
    assert cosines[0, 0] == cosines[1, 1] == -1
    assert (cosines[[0, 1], [1, 0]] > -1).all()


def test_every_text_is_encoded_once(lm, guide):
    magic_search(lm, PROMPT, guide, Weights(4, 0.0, 1.0, 5.0), eos=EOS, max_tokens=6)
    magic_search(lm, PROMPT, guide.of([1, 2]), Weights(4, 0.0, 1.0, 5.0), eos=EOS, max_tokens=6)
    assert len(guide.seen) == len(set(guide.seen))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((0,), "k: got 0"),
        ((3, 1.5), "alpha: got 1.5"),
        ((3, 0.1, -1.0), "beta"),
        ((3, 0.1, 1.0, float("nan")), "scale"),
    ],
)
def test_weights_that_mean_nothing_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        Weights(*weights)


def test_a_search_that_cannot_be_made_is_refused(lm):
    with pytest.raises(ValueError, match="guide: got None"):
        magic_search(lm, PROMPT, None, Weights(3, 0.0, 1.0), eos=EOS, max_tokens=4)
    with pytest.raises(ValueError, match="expected at most the LM's 32"):
        magic_search(lm, PROMPT, None, Weights(3), eos=EOS, max_tokens=30)
    with pytest.raises(ValueError, match="max_tokens"):
        magic_search(lm, PROMPT, None, Weights(3), eos=EOS, max_tokens=0)
    with pytest.raises(ValueError, match="prompt"):
        magic_search(lm, PROMPT[:0], None, Weights(3), eos=EOS, max_tokens=4)
