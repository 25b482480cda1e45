"""Every form of last-image attention gives what the dense mask gives; CUDA forms as far as a CPU can show."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from vlm_lib.attention import MaskedCrossAttention, last_image_attention
from vlm_lib.attention import last_image as dispatch
from vlm_lib.attention.last_image import choose_implementation
from vlm_lib.attention.masks import last_image_mask
from vlm_lib.kernels import flex, segments, varlen

PHIS = {
    "image first": [[1, 1, 1, 2, 2, 3, 3, 3], [1, 2, 2, 2, 2, 2, 2, 3]],
    "text first": [[0, 0, 1, 1, 1, 2, 2, 3], [0, 0, 0, 0, 0, 0, 0, 1]],
    "images unused": [[0, 0, 2, 2, 2, 2, 2, 2], [0, 0, 0, 0, 0, 0, 0, 0]],
    "an image skipped": [[1, 1, 1, 3, 3, 3, 3, 3], [2, 2, 2, 2, 3, 3, 3, 3]],
}
IMAGES, TOKENS, HEADS, DIM = 3, 5, 2, 16


def inputs(phi, dtype=torch.float32, images=IMAGES, tokens=TOKENS):
    """q, k, v laid out as projections leave them (not contiguous), and phi."""
    torch.manual_seed(0)
    phi = torch.tensor(phi)
    q = torch.randn(*phi.shape, HEADS, DIM, dtype=dtype).transpose(1, 2)
    k, v = torch.randn(2, len(phi), images, tokens, HEADS, DIM, dtype=dtype).permute(0, 1, 4, 2, 3, 5)
    return *(t.requires_grad_() for t in (q, k, v)), phi


def with_gradients(q, k, v, phi, impl):
    out = last_image_attention(q, k, v, phi, impl=impl)
    weight = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
    return out, torch.autograd.grad(out, (q, k, v), weight)


def loop_varlen(q, k, v, text_starts, visual_starts, longest_text, longest_visual):
    """What torch documents for varlen_attn, one piece and one head at a time."""
    assert text_starts.dtype == visual_starts.dtype == torch.int32
    assert int(text_starts[-1]) == len(q)
    assert int(visual_starts[-1]) == len(k)
    assert int(text_starts.diff().max()) == longest_text
    assert int(visual_starts.diff().max()) == longest_visual
    assert int(text_starts.diff().min()) > 0
    pieces = []
    for a, b, c, d in zip(text_starts, text_starts[1:], visual_starts, visual_starts[1:], strict=False):
        heads = [
            (q[a:b, h] @ k[c:d, h].T * q.shape[-1] ** -0.5).softmax(-1) @ v[c:d, h] for h in range(q.shape[1])
        ]
        pieces.append(torch.stack(heads, dim=1))
    return torch.cat(pieces)


@pytest.fixture
def varlen_on_cpu(monkeypatch):
    """The CUDA primitive as a loop; packing and unpacking around it stay the library's."""
    monkeypatch.setattr(varlen, "flash_varlen", loop_varlen)
    monkeypatch.setattr(dispatch, "varlen_unavailable", lambda q: None)


@pytest.mark.parametrize("case", PHIS)
@pytest.mark.parametrize("impl", ["auto", "segments", "varlen"])
def test_equals_dense_forward_and_backward(case, impl, varlen_on_cpu):
    q, k, v, phi = inputs(PHIS[case])
    expected, expected_grads = with_gradients(q, k, v, phi, "dense")
    out, grads = with_gradients(q, k, v, phi, impl)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=0)
    for actual, wanted in zip(grads, expected_grads, strict=True):
        assert float((actual - wanted).abs().max()) <= 1e-4 * max(1.0, float(wanted.abs().max()))
    blind = (phi == 0)[:, None, :, None].expand_as(out)
    assert out[blind].eq(0).all()
    assert grads[0][blind].eq(0).all()


@pytest.mark.parametrize("case", PHIS)
def test_flex_forward(case):
    q, k, v, phi = inputs(PHIS[case])
    expected = last_image_attention(q, k, v, phi, impl="dense")
    with torch.no_grad():
        out = last_image_attention(q, k, v, phi, impl="flex")
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=0)
    assert out[(phi == 0)[:, None, :, None].expand_as(out)].eq(0).all()


@pytest.mark.parametrize("tokens", [5, 64, 100])
def test_flex_computes_every_block_with_a_permitted_pair_and_few_others(tokens):
    torch.manual_seed(0)
    images, seq = 6, 700
    phi = torch.sort(torch.randint(0, images + 1, (3, seq)), dim=1).values
    mask = flex.block_mask(phi, images, tokens)
    rows, columns = mask.BLOCK_SIZE
    permitted = last_image_mask(phi.clamp(min=1), images, tokens)
    padded = torch.nn.functional.pad(permitted, (0, -permitted.shape[2] % columns, 0, -seq % rows))
    needed = padded.unflatten(2, (-1, columns)).unflatten(1, (-1, rows)).any(dim=(2, 4))
    computed = mask.to_dense()[:, 0].bool()
    assert computed[needed].all()
    assert computed.sum() == needed.sum()
    assert mask.q_num_blocks.sum() == needed.sum()


def test_pack_leaves_out_images_that_no_text_sees():
    packing = varlen.pack(torch.tensor([[0, 1, 1, 3], [0, 0, 2, 2]]), 3)
    assert packing.starts.tolist() == [0, 3, 4, 6, 8]
    assert packing.images.tolist() == [0, 2, 3, 4]
    assert packing.longest == 3
    assert varlen.pack(torch.tensor([[1, 2, 2, 3]]), 3).images is None


@pytest.mark.parametrize(
    ("impl", "dtype", "message"),
    [
        ("varlen", torch.bfloat16, "impl is 'varlen', which needs a CUDA device, q is on cpu"),
        ("triton", torch.float32, "impl is 'triton', which needs"),
        ("flex", torch.float32, "impl is 'flex', which has no backward pass on CPU"),
        ("fast", torch.float32, "impl is 'fast', expected one of"),
    ],
)
def test_an_impl_that_cannot_run_says_why(impl, dtype, message):
    q, k, v, phi = inputs(PHIS["text first"], dtype)
    with pytest.raises(ValueError, match=message):
        last_image_attention(q, k, v, phi, impl=impl)


def on_cuda(dtype=torch.bfloat16, dim=64):
    """Stands in for a tensor on a GPU: what `unavailable` asks of one."""
    q = torch.empty(1, 1, 1, dim, dtype=dtype, device="meta")
    return type("OnCuda", (), {"device": torch.device("cuda"), "dtype": q.dtype, "shape": q.shape})()


def test_varlen_names_what_it_needs(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert varlen.unavailable(on_cuda()) is None
    assert "float16 or bfloat16" in varlen.unavailable(on_cuda(torch.float32))
    assert "multiple of 8" in varlen.unavailable(on_cuda(dim=20))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert "compute capability 8.0" in varlen.unavailable(on_cuda())


@pytest.mark.parametrize("phi", [[[0], [2]], [[3], [1]]])
def test_one_new_token_reads_only_its_image(phi, monkeypatch):
    q, k, v, phi = inputs(phi)
    expected, expected_grads = with_gradients(q, k, v, phi, "dense")
    with torch.no_grad():
        seen = (phi.clamp(min=1) - 1).flatten()
        others = torch.arange(IMAGES) != seen[:, None]
        k[others[:, None].expand(-1, HEADS, -1)] = 1e4
    attended = []
    real = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        dispatch.F, "scaled_dot_product_attention", lambda *a, **kw: attended.append(a[1].shape) or real(*a, **kw)
    )
    out, grads = with_gradients(q, k, v, phi, "auto")
    assert attended == [(2, HEADS, TOKENS, DIM)]
    torch.testing.assert_close(out, expected)
    assert out[phi.flatten() == 0].eq(0).all()
    torch.testing.assert_close(grads, expected_grads)


@pytest.mark.parametrize("phi", [[[0, 0, 1, 1]], [[1, 1, 1, 1]], [[0, 0, 0, 0]]])
def test_a_single_image_needs_no_mask(phi):
    q, k, v, phi = inputs(phi, images=1)
    for actual, expected in zip(
        with_gradients(q, k, v, phi, "auto"), with_gradients(q, k, v, phi, "dense"), strict=True
    ):
        torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("tokens", [0, 5])
def test_nothing_to_attend_to_is_zero(tokens):
    q, k, v, phi = inputs([[0, 0, 0]], images=0 if tokens else 2, tokens=tokens)
    assert last_image_attention(q, k, v, phi).eq(0).all()


@pytest.mark.parametrize("per_block", [1, 7 * HEADS * TOKENS, 2**17])
def test_segments_do_not_depend_on_the_block(per_block, monkeypatch):
    torch.manual_seed(0)
    q, k, v, phi = inputs(torch.sort(torch.randint(0, IMAGES + 1, (2, 60)), dim=1).values.tolist(), torch.float64)
    expected = with_gradients(q, k, v, phi, "dense")
    monkeypatch.setattr(segments, "SCORES_PER_PIECE", per_block)
    torch.testing.assert_close(with_gradients(q, k, v, phi, "segments"), expected)


def test_segments_gradcheck():
    q, k, v, phi = inputs([[0, 1, 1, 3]], torch.float64, tokens=2)
    assert torch.autograd.gradcheck(lambda *t: last_image_attention(*t, phi, impl="segments"), (q, k, v))


def test_dense_and_single_image_can_be_differentiated_twice():
    q, k, v, phi = inputs([[0, 1, 1]], torch.float64, images=1, tokens=2)
    with sdpa_kernel(SDPBackend.MATH):
        for impl in ("auto", "dense"):
            assert torch.autograd.gradgradcheck(
                lambda *t, impl=impl: last_image_attention(*t, phi, impl=impl), (q, k, v)
            )


@pytest.mark.parametrize("phi", [PHIS["text first"], [[0], [2]]])
def test_compiled_equals_eager(phi):
    q, k, v, phi = inputs(phi)
    compiled = torch.compile(last_image_attention, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(q, k, v, phi), last_image_attention(q, k, v, phi), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("seq", "images", "device", "known", "choice"),
    [
        (2048, 8, "cpu", {}, "segments"),
        (2048, 8, "cpu", {"compiling": True}, "dense"),
        (16, 8, "cpu", {}, "dense"),
        (2048, 1, "cpu", {}, "segments"),
        (16, 1, "cpu", {}, "one_image"),
        (1, 8, "cpu", {}, "one_image"),
        (2048, 8, "cuda", {}, "dense"),
        (2048, 1, "cuda", {}, "one_image"),
        (2048, 8, "cuda", {"triton_can": True}, "triton"),
        (2048, 8, "cuda", {"triton_can": True, "compiling": True}, "dense"),
    ],
)
def test_auto_follows_the_length_of_the_runs_and_the_device(seq, images, device, known, choice):
    assert choose_implementation(8, seq, images, 64, device, **known) == choice


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_module_under_autocast_and_its_gradients(dtype):
    torch.manual_seed(0)
    module = MaskedCrossAttention(32, 24, heads=HEADS, head_dim=DIM)
    x = torch.randn(2, 8, 32, requires_grad=True)
    media = torch.randn(2, IMAGES, TOKENS, 24, requires_grad=True)
    phi = torch.tensor(PHIS["text first"])
    expected = module(x, media, phi)
    wanted = torch.autograd.grad(expected.square().sum(), (x, media))
    with torch.autocast("cpu", dtype=dtype):
        out = module(x, media, phi)
    actual = torch.autograd.grad(out.float().square().sum(), (x, media))
    assert out.dtype == dtype
    torch.testing.assert_close(out.float(), expected, atol=0.02, rtol=0.05)
    for a, w in zip(actual, wanted, strict=True):
        assert float((a - w).abs().max() / w.abs().max()) < 0.05
    assert out[phi == 0].eq(0).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sharp_scores_in_half_precision_are_as_exact_by_runs_as_under_a_mask(dtype):
    torch.manual_seed(0)
    q, k, v = 9 * torch.randn(2, 3, 120, 64), *torch.randn(2, 2, 3, 4, 16, 64)  # logits of standard deviation 9
    phi = torch.sort(torch.randint(0, 5, (2, 120)), dim=1).values
    leaves = [t.to(dtype).requires_grad_() for t in (q, k, v)]
    true = with_gradients(*(t.detach().double().requires_grad_() for t in leaves), phi, "dense")
    errors = {}
    for impl in ("dense", "segments"):
        out, gradients = with_gradients(*leaves, phi, impl)
        pairs = zip((out.detach(), *gradients), (true[0].detach(), *true[1]), strict=True)
        errors[impl] = [float((one.double() - other).norm() / other.norm()) for one, other in pairs]
    for by_run, masked in zip(errors["segments"], errors["dense"], strict=True):
        assert by_run <= 1.5 * masked
