"""Last-image attention against a slow float64 reference, and what must and must not change its output."""

import pytest
import torch
from helpers.reference import slow_attention
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel

from vlm_lib.attention import (
    GatedCrossAttentionBlock,
    MaskedCrossAttention,
    last_image_attention,
    masked_attention,
)
from vlm_lib.attention.masks import all_previous_images_mask, image_index, last_image_mask
from vlm_lib.kernels import segments

IMPLS = ["dense", "segments", "auto"]
# bfloat16 keeps 8 bits: the inputs are exact in the reference too, so what remains is rounding inside
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6, torch.bfloat16: 3e-2}
impls = pytest.mark.parametrize("impl", IMPLS)
floats = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def tensors(is_image, images, tokens, dtype=torch.float64, seed=0, dim=4, heads=2):
    """Random q, k, v for a text; a text without images may still be given some."""
    generator = torch.Generator().manual_seed(seed)
    batch, seq = is_image.shape
    shapes = [(batch, heads, seq, dim), *[(batch, heads, images, tokens, dim)] * 2]
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for s in shapes]


def last(q, k, v, is_image, impl):
    return last_image_attention(q, k, v, image_index(is_image), impl=impl)


def previous(q, k, v, is_image):
    mask = all_previous_images_mask(image_index(is_image), k.shape[2], k.shape[3])
    return masked_attention(q, k, v, mask)


@st.composite
def problems(draw):
    """Ragged texts; unused images, no images at all, and texts that begin without one are all drawn."""
    seq = draw(st.integers(1, 9))
    rows = draw(st.lists(st.lists(st.booleans(), min_size=seq, max_size=seq), min_size=1, max_size=3))
    is_image = torch.tensor(rows)
    images = int(is_image.sum(1).max()) + draw(st.integers(0, 2))
    return is_image, images, draw(st.integers(1, 3)), draw(st.integers(0, 99))


# ---- equal to the definition


@impls
@pytest.mark.parametrize("dtype", TOLERANCE)
@given(problems())
def test_equals_the_slow_reference(impl, dtype, problem):
    is_image, images, tokens, seed = problem
    q, k, v = tensors(is_image, images, tokens, dtype, seed)
    expected = slow_attention(q, k, v, is_image, "last")
    torch.testing.assert_close(last(q, k, v, is_image, impl).double(), expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@given(problems())
def test_all_previous_equals_the_slow_reference(dtype, problem):
    is_image, images, tokens, seed = problem
    q, k, v = tensors(is_image, images, tokens, dtype, seed)
    expected = slow_attention(q, k, v, is_image, "all_previous")
    torch.testing.assert_close(previous(q, k, v, is_image).double(), expected, rtol=0, atol=TOLERANCE[dtype])


@given(problems())
def test_dense_and_segments_agree_forward_and_backward(problem):
    is_image, images, tokens, seed = problem
    results = []
    for impl in ("dense", "segments"):
        inputs = tensors(is_image, images, tokens, torch.float64, seed)
        out = last(*inputs, is_image, impl)
        upstream = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(seed))
        # with no image at all the dense form never touches k and v: no gradient is the gradient 0
        grads = torch.autograd.grad(out, inputs, upstream, allow_unused=True, materialize_grads=True)
        results.append((out, *grads))
    for dense, by_segments in zip(*results, strict=True):
        torch.testing.assert_close(dense, by_segments, rtol=0, atol=1e-12)


@impls
def test_long_text(impl):
    is_image = torch.zeros(2, 700, dtype=torch.bool)
    is_image[0, [3, 4, 350, 699]] = True
    is_image[1, 600] = True
    q, k, v = tensors(is_image, 5, 3, torch.float32)
    expected = slow_attention(q, k, v, is_image, "last")
    torch.testing.assert_close(last(q, k, v, is_image, impl).double(), expected, rtol=0, atol=2e-6)


@impls
def test_one_image_and_one_token_gives_its_value_wherever_it_is_seen(impl):
    is_image = torch.tensor([[False, True, False]])
    q, k, v = tensors(is_image, 1, 1, torch.float32)
    out = last(q, k, v, is_image, impl)
    assert torch.equal(out[0, :, 1], v[0, :, 0, 0])
    assert torch.equal(out[0, :, 2], v[0, :, 0, 0])


@impls
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
@pytest.mark.parametrize("seq", [1, 4])
def test_every_integer_dtype_of_phi_reads_the_image_that_int64_reads(impl, dtype, seq):
    """One position with several images is the step of generation: there a byte would be taken for a mask."""
    phi = torch.tensor([[3, 3, 3, 3], [1, 2, 3, 3], [0, 0, 0, 2]])[:, -seq:]
    q, k, v = (t.detach() for t in tensors(torch.zeros(3, seq, dtype=torch.bool), 3, 2))
    expected = last_image_attention(q, k, v, phi, impl=impl)
    assert torch.equal(last_image_attention(q, k, v, phi.to(dtype), impl=impl), expected)
    for mask in (last_image_mask, all_previous_images_mask):
        assert torch.equal(mask(phi.to(dtype), 3, 2), mask(phi, 3, 2))


@impls
def test_large_scores_do_not_overflow(impl):
    is_image = torch.tensor([[False, True, False, True]])
    q, k, v = tensors(is_image, 2, 3, torch.float32)
    q, k = q.detach() * 300, k.detach() * 300
    expected = slow_attention(q, k, v, is_image, "last")
    torch.testing.assert_close(last(q, k, v, is_image, impl).double(), expected, rtol=0, atol=1e-4)


# ---- rows without an image


@impls
@floats
@pytest.mark.parametrize("given_images", [0, 1, 3])
def test_a_text_without_images_gives_zero_and_gradient_zero(impl, dtype, given_images):
    is_image = torch.zeros(2, 5, dtype=torch.bool)
    q, k, v = tensors(is_image, given_images, 2, dtype)
    out = last(q, k, v, is_image, impl)
    assert out.dtype == dtype
    assert torch.equal(out, torch.zeros_like(out))
    grads = torch.autograd.grad(out, [q, k, v], torch.ones_like(out), allow_unused=True, materialize_grads=True)
    for grad in grads:
        assert torch.equal(grad, torch.zeros_like(grad))


@impls
@floats
def test_rows_before_the_first_image_are_zero_and_send_no_gradient(impl, dtype):
    is_image = torch.tensor([[0, 0, 1, 0, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]], dtype=torch.bool)
    q, k, v = tensors(is_image, 3, 2, dtype)
    nothing = (image_index(is_image) == 0)[:, None, :, None].expand_as(q)
    out = last(q, k, v, is_image, impl)
    assert (out[nothing] == 0).all()
    assert (out[~nothing] != 0).all()
    upstream = torch.where(nothing, 1e4, 0.0).to(dtype)  # only the empty rows are asked for
    for grad in torch.autograd.grad(out, [q, k, v], upstream, retain_graph=True):
        assert torch.equal(grad, torch.zeros_like(grad))
    grads = torch.autograd.grad(out, [q, k, v], torch.randn_like(out))
    assert all(torch.isfinite(grad).all() for grad in grads)
    assert (grads[0][nothing] == 0).all()
    assert all(grad.abs().sum() > 0 for grad in grads)


@floats
def test_all_previous_gives_zero_before_the_first_image(dtype):
    is_image = torch.tensor([[0, 0, 1, 0, 1]], dtype=torch.bool)
    q, k, v = tensors(is_image, 3, 2, dtype)
    out = previous(q, k, v, is_image)
    assert (out[:, :, :2] == 0).all()
    assert (out[:, :, 2:] != 0).all()
    for grad in torch.autograd.grad(out[:, :, :2].sum(), [q, k, v]):
        assert torch.equal(grad, torch.zeros_like(grad))


def test_empty_rows_do_not_depend_on_the_kernel_being_kind_to_them(monkeypatch):
    """Today's CPU kernels give 0 for a row that may see nothing; the formula, as here, gives NaN."""

    def by_the_formula(q, k, v, attn_mask):
        scores = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).masked_fill(~attn_mask, -torch.inf)
        return scores.softmax(-1) @ v

    is_image = torch.tensor([[0, 0, 1, 0, 1], [0, 0, 0, 0, 0]], dtype=torch.bool)
    inputs = tensors(is_image, 3, 2)
    expected = last(*inputs, is_image, "dense")
    expected_grads = torch.autograd.grad(expected.sin().sum(), inputs)
    nothing = torch.zeros(1, 1, 1, 6, dtype=torch.bool)
    assert by_the_formula(inputs[0], inputs[1].flatten(2, 3), inputs[2].flatten(2, 3), nothing).isnan().all()
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", by_the_formula)
    out = last(*inputs, is_image, "dense")
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    for grad, want in zip(torch.autograd.grad(out.sin().sum(), inputs), expected_grads, strict=True):
        torch.testing.assert_close(grad, want, rtol=0, atol=1e-12)


# ---- what a token may and may not see


@pytest.mark.parametrize("attend", ["last", "all_previous"])
@pytest.mark.parametrize("image", [0, 1, 2, 3])
def test_changing_an_image_changes_exactly_the_rows_that_see_it(attend, image):
    is_image = torch.tensor([[0, 1, 0, 0, 1, 0, 1, 0]], dtype=torch.bool)  # 3 tags, a fourth image unused
    phi = image_index(is_image)
    module = MaskedCrossAttention(6, 5, heads=2, head_dim=4, attend=attend)
    x, media = torch.randn(1, 8, 6), torch.randn(1, 4, 3, 5)
    changed = media.clone()
    changed[:, image] = torch.randn(3, 5)
    moved = (module(x, media, phi) != module(x, changed, phi)).any(-1)
    sees = phi == image + 1 if attend == "last" else phi >= image + 1
    assert torch.equal(moved, sees)


@pytest.mark.parametrize("attend", ["last", "all_previous"])
def test_examples_of_a_batch_do_not_mix(attend):
    phi = torch.tensor([[0, 1, 1, 2], [1, 1, 1, 1], [0, 0, 0, 0]])
    module = MaskedCrossAttention(6, 5, heads=2, head_dim=4, attend=attend)
    x, media = torch.randn(3, 4, 6), torch.randn(3, 2, 3, 5)
    together = module(x, media, phi)
    for b in range(3):
        alone = module(x[b : b + 1], media[b : b + 1], phi[b : b + 1])
        torch.testing.assert_close(together[b : b + 1], alone, rtol=0, atol=1e-6)


@impls
def test_order_of_tokens_within_an_image_does_not_matter(impl):
    is_image = torch.tensor([[0, 1, 0, 1, 0]], dtype=torch.bool)
    q, k, v = tensors(is_image, 2, 4)
    order = torch.tensor([2, 0, 3, 1])
    shuffled = last(q, k[:, :, :, order], v[:, :, :, order], is_image, impl)
    torch.testing.assert_close(shuffled, last(q, k, v, is_image, impl), rtol=0, atol=1e-12)


# ---- derivatives


@impls
@pytest.mark.parametrize(
    "tags",
    [[[0, 1, 0, 1, 1]], [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0]], [[1, 0, 0, 0, 0]]],
    ids=["several", "ragged", "one"],
)
def test_gradients_by_finite_differences(impl, tags):
    is_image = torch.tensor(tags, dtype=torch.bool)
    inputs = tensors(is_image, 3, 2, dim=3)
    assert torch.autograd.gradcheck(lambda q, k, v: last(q, k, v, is_image, impl), inputs)


def test_gradients_of_all_previous_by_finite_differences():
    is_image = torch.tensor([[0, 1, 0, 1, 1]], dtype=torch.bool)
    assert torch.autograd.gradcheck(lambda q, k, v: previous(q, k, v, is_image), tensors(is_image, 3, 2, dim=3))


@pytest.mark.parametrize("attend", ["last", "all_previous"])
def test_gradients_of_the_gated_block_by_finite_differences(attend):
    block = GatedCrossAttentionBlock(4, 3, heads=1, head_dim=3, ff_mult=1, attend=attend).double()
    for gate in (block.attention_gate, block.feed_forward_gate):
        gate.data.fill_(0.7)
    x = torch.randn(1, 4, 4, dtype=torch.float64, requires_grad=True)
    media = torch.randn(1, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    phi = torch.tensor([[0, 1, 2, 2]])

    def run(x, media, *_):  # the parameters are perturbed in place
        return block(x, media, phi)

    assert torch.autograd.gradcheck(run, [x, media, *block.parameters()])


def test_second_derivative_of_segments_is_refused_even_with_a_constant_upstream_gradient():
    is_image = torch.tensor([[0, 1, 0, 1]], dtype=torch.bool)
    inputs = tensors(is_image, 2, 2)
    first = torch.autograd.grad(last(*inputs, is_image, "segments").sum(), inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiable once.*impl='dense'"):
        torch.autograd.grad(sum(g.square().sum() for g in first), inputs)


def test_second_derivative_of_dense_under_the_plain_kernel_as_the_refusal_advises():
    is_image = torch.tensor([[0, 1, 0, 1]], dtype=torch.bool)
    with sdpa_kernel(SDPBackend.MATH):
        assert torch.autograd.gradgradcheck(
            lambda q, k, v: last(q, k, v, is_image, "dense"), tensors(is_image, 2, 2, dim=2, heads=1)
        )


# ---- memory layouts, precision, compilation


@pytest.mark.parametrize("scores", [1, 7, 24])
def test_segments_cut_into_blocks_give_the_same(monkeypatch, scores):
    """A run too long for the cache is worked off in blocks; the gradients of its image are their sum."""
    is_image = torch.tensor([[0, 0, 1, 0, 0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=torch.bool)
    results = []
    for impl in ("dense", "segments"):
        monkeypatch.setattr(segments, "SCORES_PER_PIECE", scores)
        inputs = tensors(is_image, 3, 2)
        out = last(*inputs, is_image, impl)
        results.append((out, *torch.autograd.grad(out.sin().sum(), inputs)))
    rows = max(1, scores // 4)  # 2 heads, 2 tokens
    plan = segments.plan_of(image_index(is_image), rows)
    assert sum(piece.image > 0 for pieces in plan for piece in pieces) == sum(
        -(-run // rows) for run in (5, 3, 10)
    )
    for dense, cut in zip(*results, strict=True):
        torch.testing.assert_close(dense, cut, rtol=0, atol=1e-12)


@pytest.fixture
def _fresh_memory_is_nan():
    """Every tensor that is allocated without values holds NaN until it is written."""
    torch.use_deterministic_algorithms(True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("_fresh_memory_is_nan")
@impls
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tokens", [0, 3])
@pytest.mark.parametrize("tags", [[[0, 0, 0, 0], [0, 1, 0, 1]], [[0, 0, 0, 0], [0, 0, 0, 0]]])
def test_no_result_holds_memory_that_nobody_wrote(impl, dtype, tokens, tags):
    is_image = torch.tensor(tags, dtype=torch.bool)
    inputs = tensors(is_image, 3, tokens, dtype)
    out = last(*inputs, is_image, impl)
    grads = torch.autograd.grad(out.sum(), inputs, allow_unused=True, materialize_grads=True)
    for result in (out, *grads):
        assert torch.isfinite(result).all()
    if tokens == 0:  # an image without tokens has nothing to say
        assert (out == 0).all()


@impls
def test_inputs_need_not_be_contiguous(impl):
    is_image = torch.tensor([[0, 1, 0, 1, 0], [1, 0, 0, 0, 0]], dtype=torch.bool)
    plain = [t.detach() for t in tensors(is_image, 2, 3)]
    strided = [t.transpose(1, -1).contiguous().transpose(1, -1) for t in plain]
    strided_phi = image_index(is_image).T.contiguous().T
    assert not any(t.is_contiguous() for t in (*strided, strided_phi))
    for tensor in (*plain, *strided):
        tensor.requires_grad_()
    outs = last(*plain, is_image, impl), last_image_attention(*strided, strided_phi, impl=impl)
    torch.testing.assert_close(*outs, rtol=0, atol=1e-12)
    upstream = torch.randn(2, 5, 4, 2, dtype=torch.float64).permute(0, 3, 1, 2)
    grads = [
        torch.autograd.grad(out, inputs, upstream) for out, inputs in zip(outs, (plain, strided), strict=True)
    ]
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@impls
@pytest.mark.parametrize("backward_inside", [False, True])
def test_attention_under_autocast(impl, backward_inside):
    is_image = torch.tensor([[0, 1, 0, 1, 0]], dtype=torch.bool)
    exact, inputs = tensors(is_image, 2, 3, torch.float32), tensors(is_image, 2, 3, torch.float32)
    expected = torch.autograd.grad(last(*exact, is_image, impl).square().sum(), exact)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = last(*inputs, is_image, impl)
        if backward_inside:
            grads = torch.autograd.grad(out.float().square().sum(), inputs)
    if not backward_inside:
        grads = torch.autograd.grad(out.float().square().sum(), inputs)
    assert out.dtype == torch.bfloat16
    for grad, want in zip(grads, expected, strict=True):
        assert grad.dtype == torch.float32
        torch.testing.assert_close(grad, want, rtol=0, atol=0.1)


@pytest.mark.parametrize("attend", ["last", "all_previous"])
def test_gated_block_under_autocast(attend):
    block = GatedCrossAttentionBlock(8, 6, heads=2, head_dim=4, attend=attend)
    for gate in (block.attention_gate, block.feed_forward_gate):
        gate.data.fill_(1.0)
    x, media, phi = torch.randn(2, 5, 8), torch.randn(2, 2, 3, 6), torch.tensor([[0, 1, 1, 2, 2], [0] * 5])
    expected = block(x, media, phi)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = block(x, media, phi)
    assert out.dtype == torch.float32  # the residual stream keeps its precision
    torch.testing.assert_close(out, expected, rtol=0, atol=0.05)
    out.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in block.parameters())
    assert block.attention.to_q.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("attend", ["last", "all_previous"])
def test_compiled_cross_attention_gives_the_same(attend):
    module = MaskedCrossAttention(8, 6, heads=2, head_dim=4, attend=attend)
    x, media, phi = torch.randn(2, 5, 8), torch.randn(2, 2, 3, 6), torch.tensor([[0, 1, 1, 2, 2], [0] * 5])
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    out, expected = compiled(x, media, phi), module(x, media, phi)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-6)
    grads = [torch.autograd.grad(o.square().sum(), list(module.parameters())) for o in (out, expected)]
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


# ---- the gated block


def test_gated_block_starts_as_identity_and_only_its_gates_get_gradient():
    block = GatedCrossAttentionBlock(8, 6, heads=2, head_dim=4)
    x, media, phi = torch.randn(2, 4, 8), torch.randn(2, 2, 3, 6), torch.tensor([[0, 1, 1, 2], [1, 1, 1, 1]])
    out = block(x, media, phi)
    assert torch.equal(out, x)
    (out * torch.randn_like(out)).sum().backward()
    moved = {name for name, p in block.named_parameters() if (p.grad != 0).any()}
    assert moved == {"attention_gate", "feed_forward_gate"}


def test_gate_multiplies_by_its_tanh_and_without_gates_by_one():
    torch.manual_seed(1)
    gated = GatedCrossAttentionBlock(8, 6, heads=2, head_dim=4)
    free = GatedCrossAttentionBlock(8, 6, heads=2, head_dim=4, gated=False)
    assert set(dict(free.named_parameters())) == {n for n, _ in gated.named_parameters() if "gate" not in n}
    free.load_state_dict(gated.state_dict(), strict=False)
    x, media, phi = torch.randn(1, 4, 8), torch.randn(1, 2, 3, 6), torch.tensor([[0, 1, 1, 2]])
    gated.attention_gate.data.fill_(0.3)
    gated.feed_forward_gate.data.fill_(-0.6)
    tanh = torch.tanh(torch.tensor([0.3, -0.6]))
    middle = x + tanh[0] * gated.attention(x, media, phi)
    torch.testing.assert_close(gated(x, media, phi), middle + tanh[1] * gated.feed_forward(middle))
    for gate in (gated.attention_gate, gated.feed_forward_gate):
        gate.data.fill_(30.0)  # tanh is 1 in float32
    torch.testing.assert_close(free(x, media, phi), gated(x, media, phi))


def test_text_without_images_still_passes_the_gated_feed_forward():
    """A zero row of attention is not an untouched row: what the blocks do to pure text changes with training."""
    block = GatedCrossAttentionBlock(8, 6, heads=2, head_dim=4)
    block.attention_gate.data.fill_(1.0)
    x, media, phi = torch.randn(1, 4, 8), torch.randn(1, 0, 3, 6), torch.zeros(1, 4, dtype=torch.long)
    assert torch.equal(block(x, media, phi), x)
    block.feed_forward_gate.data.fill_(1.0)
    assert (block(x, media, phi) != x).any(-1).all()
