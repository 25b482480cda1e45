"""The Perceiver Resampler: fixed output size, a set in, frames in order, gradients."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vlm_lib.attention import PerceiverResampler
from vlm_lib.attention.resampler import ResamplerAttention


def resampler(**options):
    return PerceiverResampler(8, depth=2, heads=2, head_dim=4, num_latents=3, **options)


@pytest.mark.parametrize("tokens", [1, 3, 64, 257])
@pytest.mark.parametrize("images", [0, 1, 4])
def test_output_size_depends_on_neither_tokens(tokens, images):
    assert resampler()(torch.randn(2, images, tokens, 8)).shape == (2, images, 3, 8)


def test_features_are_a_set_without_frame_embeddings():
    model, features = resampler(), torch.randn(2, 2, 6, 8)
    shuffled = features[:, :, torch.randperm(6)]
    torch.testing.assert_close(model(shuffled), model(features), rtol=0, atol=1e-6)


def test_every_feature_counts():
    model, features = resampler(), torch.randn(1, 1, 6, 8)
    for token in range(6):
        changed = features.clone()
        changed[0, 0, token] = torch.randn(8)
        assert (model(changed) - model(features)).abs().max() > 1e-4


def test_images_do_not_mix():
    model, features = resampler(), torch.randn(2, 3, 6, 8)
    changed = features.clone()
    changed[1, 2] = torch.randn(6, 8)
    moved = (model(changed) != model(features)).flatten(2).any(-1)
    assert moved.tolist() == [[False, False, False], [False, False, True]]
    alone = model(features[1:, 1:2])
    torch.testing.assert_close(model(features)[1:, 1:2], alone, rtol=0, atol=1e-6)


def test_latents_read_one_another():
    """Keys hold the latents too: changing one latent changes the output of the others."""
    model, features = resampler(), torch.randn(1, 1, 6, 8)
    before = model(features)
    with torch.no_grad():
        model.latents[0] = torch.randn(8)
    assert (model(features) != before)[0, 0].any(-1).all()


def test_output_is_normalised():
    out = resampler()(torch.randn(1, 2, 6, 8) * 50)
    torch.testing.assert_close(out.mean(-1), torch.zeros(1, 2, 3), rtol=0, atol=1e-5)
    torch.testing.assert_close(out.std(-1, correction=0), torch.ones(1, 2, 3), rtol=0, atol=1e-3)


def test_gradients_by_finite_differences():
    model = PerceiverResampler(4, depth=1, heads=1, head_dim=2, num_latents=2, ff_mult=1, max_frames=2).double()
    features = torch.randn(1, 1, 6, 4, dtype=torch.float64, requires_grad=True)

    def run(features, *_):  # 3 frames of 2 tokens, from 2 learned embeddings
        return model(features, frames=3)

    assert torch.autograd.gradcheck(run, [features, *model.parameters()])


def test_bfloat16_follows_float32():
    model, features = resampler(), torch.randn(2, 2, 6, 8)
    expected = model(features)
    out = model.bfloat16()(features.bfloat16())
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), expected, rtol=0, atol=0.1)


# ---- frames


def test_frame_embeddings_are_added_to_all_tokens_of_their_frame():
    model, plain, features = resampler(max_frames=4), resampler(), torch.randn(2, 1, 6, 8)
    plain.load_state_dict(model.state_dict(), strict=False)
    embedding = model.frame_embedding.detach()
    for frames, rows in ((1, [0] * 6), (2, [0, 0, 0, 1, 1, 1]), (3, [0, 0, 1, 1, 2, 2])):
        torch.testing.assert_close(
            model(features, frames=frames), plain(features + embedding[rows]), rtol=0, atol=1e-6
        )


def test_frame_order_matters_with_embeddings_and_not_without():
    features = torch.randn(1, 1, 4, 3, 8)
    backward = features.flip(2)
    for model, matters in ((resampler(max_frames=4), True), (resampler(), False)):
        a, b = (model(f.flatten(2, 3), frames=4) for f in (features, backward))
        assert ((a - b).abs().max() > 1e-3) == matters


def test_more_frames_than_learned_interpolate_linearly_from_the_first_to_the_last():
    model = resampler(max_frames=2)
    plain = resampler()
    plain.load_state_dict(model.state_dict(), strict=False)
    first, final = model.frame_embedding.detach()
    by_hand = torch.stack([first + (final - first) * i / 4 for i in range(5)])
    features = torch.randn(1, 1, 10, 8)
    expected = plain(features + by_hand.repeat_interleave(2, dim=0))
    torch.testing.assert_close(model(features, frames=5), expected, rtol=0, atol=1e-5)


def test_interpolation_passes_through_the_learned_embeddings():
    """From 3 to 5 frames: every second embedding is a learned one, the others lie half way."""
    model = resampler(max_frames=3)
    plain = resampler()
    plain.load_state_dict(model.state_dict(), strict=False)
    a, b, c = model.frame_embedding.detach()
    features = torch.randn(1, 1, 5, 8)
    expected = plain(features + torch.stack([a, (a + b) / 2, b, (b + c) / 2, c]))
    torch.testing.assert_close(model(features, frames=5), expected, rtol=0, atol=1e-5)


def test_cost_is_linear_in_the_number_of_features():
    """Operations of a forward pass, as torch counts them: each ten features more cost the same again."""
    costs = []
    for tokens in (10, 20, 30):
        with FlopCounterMode(display=False) as counter:
            resampler()(torch.randn(1, 1, tokens, 8))
        costs.append(counter.get_total_flops())
    assert costs[2] - costs[1] == costs[1] - costs[0] > 0


def test_weights_are_those_of_the_attention_that_is_computed():
    """Values that are one-hot by key make the output of the attention its weights."""
    layer = ResamplerAttention(dim=5, heads=1, head_dim=5)
    features, latents = torch.randn(1, 3, 5), torch.randn(1, 2, 5)
    layer.norm_features.bias.data.fill_(1.0)  # normalised rows sum to 0, so five of them would be dependent
    layer.norm_latents.bias.data.fill_(1.0)
    weights = layer.weights(features, latents)
    assert weights.shape == (1, 1, 2, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 1, 2))
    keys = torch.cat([layer.norm_features(features), layer.norm_latents(latents)], dim=1)
    to_v = torch.linalg.solve(keys[0], torch.eye(5)).T  # maps key number i to the i-th unit vector
    with torch.no_grad():
        layer.to_kv.weight[5:] = to_v
        layer.to_out.weight.copy_(torch.eye(5))
    torch.testing.assert_close(layer(features, latents)[0], weights[0, 0], rtol=1e-3, atol=1e-4)
