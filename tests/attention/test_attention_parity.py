"""Same weights, same numbers as public implementations; and the inputs on which those leak and ours must not."""

import flamingo_pytorch
import pytest
import torch
from open_flamingo.src import helpers as open_flamingo
from transformers import IdeficsConfig
from transformers.models.idefics.perceiver import IdeficsPerceiverResampler

from vlm_lib.attention import GatedCrossAttentionBlock, MaskedCrossAttention, PerceiverResampler
from vlm_lib.attention.masks import image_index

DIM, HEADS, HEAD_DIM = 32, 4, 8
SHAPE = {"dim": DIM, "dim_head": HEAD_DIM, "heads": HEADS}
SOURCES = ["open_flamingo", "flamingo_pytorch"]
# public name -> ours; names that are equal in both are left out
BLOCK_NAMES = {
    "attn.": "attention.",
    "attn_gate": "attention_gate",
    "ff.": "feed_forward.",
    "ff_gate": "feed_forward_gate",
}
RESAMPLER_NAMES = {"norm_media": "norm_features", "frame_embs": "frame_embedding"}
IDEFICS_NAMES = {
    "blocks": "layers",
    ".1.ln.": ".1.0.",
    ".1.fc.": ".1.1.",
    ".1.c_proj.": ".1.3.",
    "context_layer_norm": "norm_features",
    "latents_layer_norm": "norm_latents",
    "q_proj": "to_q",
    "output_proj": "to_out",
}


def renamed(tensors, names):
    """Tensors under our names, replaced in the order listed; k_proj and v_proj join into to_kv."""
    ours = {}
    for name, tensor in tensors.items():
        for theirs, our in names.items():
            name = name.replace(theirs, our)
        ours[name] = tensor
    for name in [n for n in ours if "k_proj" in n]:
        joined = torch.cat([ours.pop(name), ours.pop(name.replace("k_proj", "v_proj"))])
        ours[name.replace("k_proj", "to_kv")] = joined
    return ours


def assert_same(ours, theirs, our_inputs, their_inputs, inputs, names):
    """Outputs, gradients of all weights and of all inputs agree to 1e-5."""
    result, expected = ours(*our_inputs), theirs(*their_inputs)
    expected = expected.reshape(result.shape)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)
    upstream = torch.randn_like(result) / result.numel() ** 0.5
    grads = []
    for out, module in ((result, ours), (expected, theirs)):
        module.zero_grad()
        wrt_inputs = torch.autograd.grad(out, inputs, upstream, retain_graph=True)
        out.backward(upstream)
        parameters = {n: p.grad for n, p in module.named_parameters() if p.grad is not None}
        grads.append((wrt_inputs, parameters))
    for a, b in zip(grads[0][0], grads[1][0], strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
    their_grads = renamed(grads[1][1], names)
    for name, grad in grads[0][1].items():
        torch.testing.assert_close(
            grad, their_grads.pop(name), rtol=0, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}"
        )
    assert set(their_grads) <= {"media_pos_emb"}


def public(source, kind, **options):
    library = {"open_flamingo": open_flamingo, "flamingo_pytorch": flamingo_pytorch}[source]
    if source == "open_flamingo":
        options["dim_visual"] = DIM
    # flamingo_pytorch exports the block and the resampler; the masked attention is the block's own
    return getattr(library, kind, None) or getattr(library.flamingo_pytorch, kind), options


def make(source, kind, **options):
    cls, options = public(source, kind, **options)
    return cls(**SHAPE, **options)


def block_pair(source, kind, attend):
    theirs = make(source, kind, only_attend_immediate_media=attend == "last")
    cls = {"MaskedCrossAttention": MaskedCrossAttention, "GatedCrossAttentionBlock": GatedCrossAttentionBlock}[
        kind
    ]
    ours = cls(DIM, DIM, HEADS, HEAD_DIM, attend=attend)
    if kind == "GatedCrossAttentionBlock":
        theirs.attn_gate.data.fill_(0.8)
        theirs.ff_gate.data.fill_(-0.5)
    names = BLOCK_NAMES if kind == "GatedCrossAttentionBlock" else {}
    ours.load_state_dict(renamed(theirs.state_dict(), names))
    return ours, theirs, names


def problem(tags):
    is_image = torch.tensor(tags, dtype=torch.bool)
    x = torch.randn(*is_image.shape, DIM, requires_grad=True)
    media = torch.randn(is_image.shape[0], 3, 5, DIM, requires_grad=True)
    return x, media, is_image


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", ["MaskedCrossAttention", "GatedCrossAttentionBlock"])
@pytest.mark.parametrize(
    ("attend", "tags"),
    [
        ("last", [[0, 0, 1, 0, 0, 0, 1, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]]),
        ("last", [[0, 0, 0, 0], [0, 0, 0, 1]]),
        ("all_previous", [[1, 0, 0, 1, 0, 1], [1, 0, 0, 0, 0, 0]]),  # each text begins with an image
    ],
)
def test_cross_attention_equals_public_code(source, kind, attend, tags):
    ours, theirs, names = block_pair(source, kind, attend)
    x, media, is_image = problem(tags)
    assert_same(ours, theirs, (x, media, image_index(is_image)), (x, media, is_image), [x, media], names)


def test_media_may_have_another_width_than_the_text():
    theirs = open_flamingo.GatedCrossAttentionBlock(**SHAPE, dim_visual=24)
    theirs.attn_gate.data.fill_(0.8)
    theirs.ff_gate.data.fill_(-0.5)
    ours = GatedCrossAttentionBlock(DIM, 24, HEADS, HEAD_DIM)
    ours.load_state_dict(renamed(theirs.state_dict(), BLOCK_NAMES))
    is_image = torch.tensor([[0, 1, 0, 1, 0]], dtype=torch.bool)
    x, media = torch.randn(1, 5, DIM, requires_grad=True), torch.randn(1, 2, 3, 24, requires_grad=True)
    assert_same(ours, theirs, (x, media, image_index(is_image)), (x, media, is_image), [x, media], BLOCK_NAMES)


# ---- where public code leaks


def rows_that_move(module, x, media, locations, image):
    """Which text positions change when one image is replaced."""
    changed = media.clone()
    changed[:, image] = torch.randn_like(changed[:, image])
    return (module(x, media, locations) - module(x, changed, locations)).abs().amax(-1)[0] > 1e-6


@pytest.mark.parametrize("source", SOURCES)
def test_public_code_shows_all_images_to_text_before_the_first_and_ours_none(source):
    ours, theirs, _ = block_pair(source, "MaskedCrossAttention", "all_previous")
    x, media, is_image = (t.detach() for t in problem([[0, 0, 1, 0, 1, 0]]))
    sees = {
        0: image_index(is_image)[0] >= 1,
        1: image_index(is_image)[0] >= 2,
        2: torch.zeros(6, dtype=torch.bool),
    }
    for image, rule in sees.items():
        leaked = rows_that_move(theirs, x, media, is_image, image) & ~rule
        assert leaked.tolist() == [True, True, False, False, False, False]  # even from images yet to come
        assert torch.equal(rows_that_move(ours, x, media, image_index(is_image), image), rule)
    assert (ours(x, media, image_index(is_image))[0, :2] == 0).all()
    with_image = (ours(x, media, image_index(is_image)) - theirs(x, media, is_image))[0, 2:]
    assert with_image.abs().max() < 1e-5


@pytest.mark.parametrize("source", SOURCES)
def test_public_code_shows_all_images_after_a_tag_too_many_and_ours_refuses(source):
    ours, theirs, _ = block_pair(source, "MaskedCrossAttention", "last")
    x, media, is_image = (t.detach() for t in problem([[1, 0, 1, 1, 0, 1, 0]]))  # 4 tags, 3 images
    for image in range(3):
        moved = rows_that_move(theirs, x, media, is_image, image)
        assert moved[5:].all()  # after the fourth tag every image is seen
    with pytest.raises(ValueError, match="phi reaches 4, but only 3 images"):
        ours(x, media, image_index(is_image))


# ---- the resampler


def resampler_pair(source, frames=None):
    options = {"dim": DIM, "depth": 2, "dim_head": HEAD_DIM, "heads": HEADS, "num_latents": 5}
    if source == "open_flamingo":
        theirs = open_flamingo.PerceiverResampler(**options, max_num_frames=frames)
    else:
        theirs = flamingo_pytorch.PerceiverResampler(**options, num_media_embeds=3)
        theirs.media_pos_emb.data.zero_()  # numbers images, which ours leaves to models.image_order
    ours = PerceiverResampler(DIM, 2, HEADS, HEAD_DIM, 5, max_frames=frames)
    weights = {n: w for n, w in renamed(theirs.state_dict(), RESAMPLER_NAMES).items() if n != "media_pos_emb"}
    ours.load_state_dict(weights)
    return ours, theirs


@pytest.mark.parametrize("source", SOURCES)
def test_resampler_equals_public_code(source):
    ours, theirs = resampler_pair(source)
    features = torch.randn(2, 3, 7, DIM, requires_grad=True)
    theirs_in = features[:, :, None] if source == "open_flamingo" else features  # one frame an image
    assert_same(ours, theirs, (features,), (theirs_in,), [features], RESAMPLER_NAMES)


@pytest.mark.parametrize("frames", [2, 3])
def test_resampler_of_videos_equals_open_flamingo(frames):
    ours, theirs = resampler_pair("open_flamingo", frames=3)
    features = torch.randn(2, 2, frames, 4, DIM, requires_grad=True)

    def flat(features):
        return ours(features.flatten(2, 3), frames=frames)

    result, expected = flat(features), theirs(features)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)
    upstream = torch.randn_like(result)
    parameters = [ours.frame_embedding, features], [theirs.frame_embs, features]
    grads = [torch.autograd.grad(o, p, upstream) for o, p in zip((result, expected), parameters, strict=True)]
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


def test_resampler_equals_idefics_with_its_relu_replaced():
    config = IdeficsConfig(vision_config={"embed_dim": DIM})
    theirs = IdeficsPerceiverResampler(config, DIM, 2, HEADS, HEAD_DIM, 5)
    for _, feed_forward in theirs.blocks:
        feed_forward.act = torch.nn.GELU()
    names = {**IDEFICS_NAMES, "layer_norm": "norm"}
    ours = PerceiverResampler(DIM, 2, HEADS, HEAD_DIM, 5)
    ours.load_state_dict(renamed(theirs.state_dict(), names))
    features = torch.randn(3, 1, 7, DIM, requires_grad=True)
    assert_same(ours, theirs, (features,), (features[:, 0],), [features], names)
