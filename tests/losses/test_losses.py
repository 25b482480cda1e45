"""Losses: parity with public implementations, a float64 oracle, hostile features, every refusal."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.loss import ClipLoss, SigLipLoss

from vlm_lib.kernels import tiles
from vlm_lib.losses import caption_loss, contrastive_loss, sigmoid_loss
from vlm_lib.losses import contrastive as losses

TILED = ["one_buffer", "chunked"]
ALL = ["dense", *TILED, "auto"]


def unit_pairs(batch, dim=20, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(batch, dim, generator=generator, dtype=torch.float64) for _ in range(2))
    return F.normalize(x, dim=1).to(dtype), F.normalize(y + x, dim=1).to(dtype)


def value_and_gradients(loss, *inputs):
    leaves = [torch.as_tensor(t).detach().clone().requires_grad_() for t in inputs]
    value = loss(*leaves)
    return value.detach(), torch.autograd.grad(value, leaves)


def assert_close(got, expected, value=1e-5, gradient=1e-4):
    assert abs(float(got[0]) - float(expected[0])) <= value * max(1.0, abs(float(expected[0])))
    for g, e in zip(got[1], expected[1], strict=True):
        assert g.shape == e.shape
        assert float((g.double() - e.double()).norm()) <= gradient * float(e.double().norm())


def oracle(x, y, scale, positives=None):
    """The equation of the CLIP paper in float64, entry by entry, sharing no code with the library."""
    logits = scale.double() * x.double() @ y.double().T
    labels = torch.arange(len(x)) if positives is None else positives
    target = (labels[:, None] == labels[None, :]).double()
    target = target / target.sum(1, keepdim=True)
    per_image = (torch.logsumexp(logits, 1) - (target * logits).sum(1)).mean()
    per_text = (torch.logsumexp(logits, 0) - (target * logits).sum(0)).mean()
    return (per_image + per_text) / 2


# --- contrastive: right numbers ---


@pytest.mark.parametrize("impl", ALL)
@pytest.mark.parametrize("scale", [1.0, 1 / 0.07, 100.0])
def test_equals_open_clip_and_float64_oracle(impl, scale):
    inputs = (*unit_pairs(77), torch.tensor(scale))
    got = value_and_gradients(lambda *a: contrastive_loss(*a, impl=impl, chunk_size=16), *inputs)
    assert_close(got, value_and_gradients(ClipLoss(), *inputs))
    assert_close(got, value_and_gradients(oracle, *(t.double() for t in inputs)))


@pytest.mark.parametrize("impl", ALL)
def test_equals_the_loss_inside_transformers_clip(impl):
    torch.manual_seed(0)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config={**small, "vocab_size": 50, "max_position_embeddings": 8, "eos_token_id": 49},
        vision_config={**small, "image_size": 16, "patch_size": 8},
        projection_dim=16,
    )
    model = transformers.CLIPModel(config).eval()
    out = model(input_ids=torch.randint(0, 50, (5, 8)), pixel_values=torch.randn(5, 3, 16, 16), return_loss=True)
    ours = contrastive_loss(out.image_embeds, out.text_embeds, model.logit_scale.exp(), impl=impl)
    torch.testing.assert_close(ours, out.loss, atol=1e-6, rtol=1e-6)


def test_uninformative_features_give_log_of_the_batch():
    x = F.normalize(torch.ones(8, 4), dim=1)
    for impl in ALL:
        assert float(contrastive_loss(x, x, 100.0, impl=impl)) == pytest.approx(math.log(8), abs=1e-5)


@settings(deadline=None, max_examples=60)
@given(
    batch=st.integers(1, 40),
    dim=st.integers(1, 9),
    chunk=st.integers(1, 50),
    scale=st.floats(0.1, 100.0),
    labels=st.one_of(st.none(), st.integers(1, 5)),
    impl=st.sampled_from(TILED),
)
def test_tiles_equal_dense_for_any_shape(batch, dim, chunk, scale, labels, impl):
    inputs = (*unit_pairs(batch, dim, dtype=torch.float64), torch.tensor(scale, dtype=torch.float64))
    positives = None if labels is None else torch.arange(batch) % labels
    options = {"positives": positives, "chunk_size": chunk}
    got = value_and_gradients(lambda *a: contrastive_loss(*a, impl=impl, **options), *inputs)
    expected = value_and_gradients(lambda *a: contrastive_loss(*a, impl="dense", positives=positives), *inputs)
    torch.testing.assert_close(got, expected, atol=1e-9, rtol=1e-8)


@pytest.mark.parametrize("impl", ALL)
def test_gradients_are_those_of_finite_differences(impl):
    x, y = (t.requires_grad_() for t in unit_pairs(7, 4, dtype=torch.float64))
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *a: contrastive_loss(*a, impl=impl, chunk_size=3), (x, y, scale))


def hostile(kind, batch=96, dim=16, seed=1):
    """Unit features whose logits at scale 100 defeat one shift for rows and columns together, in random order: an
    image all of whose logits are near -100 has a best entry far more than 87 below the maximum of its tile."""
    generator = torch.Generator().manual_seed(seed)
    centre = F.normalize(torch.randn(dim, generator=generator), dim=0)
    noise = 0.01 * torch.randn(2, batch, dim, generator=generator)
    sign = torch.ones(2, batch, 1)
    lost = torch.randperm(batch, generator=generator)[: batch // 6]
    sign[0, lost] = -1.0  # these images point away from every text
    if kind == "both":
        sign[1, torch.randperm(batch, generator=generator)[: batch // 5]] = -1.0
    x, y = F.normalize(sign * centre + noise, dim=2)
    return x, y, torch.tensor(100.0)


@pytest.mark.parametrize("chunk", [8, 32, 96, None])
@pytest.mark.parametrize("kind", ["images", "both"])
@pytest.mark.parametrize("impl", ALL)
def test_hostile_features_at_scale_100(impl, kind, chunk):
    inputs = hostile(kind)
    got = value_and_gradients(lambda *a: contrastive_loss(*a, impl=impl, chunk_size=chunk), *inputs)
    assert all(torch.isfinite(t).all() for t in (got[0], *got[1]))
    assert_close(got, value_and_gradients(oracle, *(t.double() for t in inputs)))


def test_hostile_features_do_defeat_one_shift():
    """The test above would be void if these features were harmless: with one shift, a row's sum is 0."""
    x, y, scale = hostile("images")
    logits = scale * x @ y.T
    assert ((logits - logits.max()).exp().sum(1) == 0).any()


@pytest.mark.parametrize("impl", TILED)
def test_spread_just_below_and_above_the_guard(impl, monkeypatch):
    inputs = (*unit_pairs(40), torch.tensor(40.0))
    expected = value_and_gradients(oracle, *(t.double() for t in inputs))
    for spread in (0.0, 1e9):  # always two exponentials, always one: the logits here allow either
        monkeypatch.setattr(tiles, "SAFE_SPREAD", spread)
        got = value_and_gradients(lambda *a: contrastive_loss(*a, impl=impl, chunk_size=16), *inputs)
        assert_close(got, expected)


@pytest.mark.parametrize("impl", ALL)
def test_duplicate_captions_with_positives(impl):
    x, y = unit_pairs(30)
    labels = torch.arange(30) % 7
    y = y[labels]  # equal labels, equal captions
    inputs = (x, y, torch.tensor(20.0))
    got = value_and_gradients(lambda *a: contrastive_loss(*a, impl=impl, positives=labels, chunk_size=8), *inputs)
    assert_close(got, value_and_gradients(lambda *a: oracle(*a, positives=labels), *(t.double() for t in inputs)))


def test_why_positives_a_duplicate_is_pushed_away_without():
    """Four pictures of two captions, each exactly on its caption: only with labels is that a minimum."""
    y = torch.eye(4)[[0, 0, 1, 1]]
    labels = torch.tensor([0, 0, 1, 1])
    with_labels = contrastive_loss(y, y, 50.0, positives=labels)
    without = contrastive_loss(y, y, 50.0)
    assert float(without) == pytest.approx(math.log(2), abs=1e-4)
    assert float(with_labels) == pytest.approx(math.log(2), abs=1e-4)  # the target itself has that entropy
    moved = torch.eye(4)[[0, 2, 1, 3]]  # tear equal captions apart, images with them
    assert float(contrastive_loss(moved, moved, 50.0)) < float(without) - 0.6
    assert float(contrastive_loss(moved, moved, 50.0, positives=labels)) > float(with_labels) + 0.6


def test_all_labels_different_is_no_labels():
    x, y = unit_pairs(12)
    labels = torch.randperm(12)
    for impl in ALL:
        torch.testing.assert_close(
            contrastive_loss(x, y, 10.0, impl=impl, positives=labels), contrastive_loss(x, y, 10.0, impl=impl)
        )


# --- contrastive: how it is called ---


@pytest.mark.parametrize("impl", ALL)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_reduced_precision_and_autocast(impl, dtype):
    x, y = unit_pairs(50, dtype=dtype)
    expected = value_and_gradients(oracle, x.double(), y.double(), torch.tensor(100.0, dtype=torch.float64))
    got = value_and_gradients(lambda *a: contrastive_loss(*a, impl=impl, chunk_size=16), x, y, torch.tensor(100.0))
    assert got[1][0].dtype == dtype
    assert_close(got, expected, gradient=1e-2)

    def under_autocast(*inputs):  # the forward pass only, as torch's documentation asks
        with torch.autocast("cpu", dtype):
            return contrastive_loss(*inputs, impl=impl, chunk_size=16)

    again = value_and_gradients(under_autocast, x.float(), y.float(), torch.tensor(100.0))
    assert again[0].dtype == torch.float32
    assert_close(again, expected)


@pytest.mark.parametrize("impl", ALL)
def test_non_contiguous_inputs(impl):
    x, y = unit_pairs(33)
    wide = torch.stack([x, y], dim=2)
    assert not wide[..., 0].is_contiguous()
    got = value_and_gradients(
        lambda w: contrastive_loss(w[..., 0], w[..., 1], 30.0, impl=impl, chunk_size=8), wide
    )
    expected = value_and_gradients(lambda w: contrastive_loss(w[..., 0], w[..., 1], 30.0, impl="dense"), wide)
    assert_close(got, expected)
    transposed = x.T.contiguous().T
    assert not transposed.is_contiguous()
    torch.testing.assert_close(
        contrastive_loss(transposed, y, 30.0, impl=impl), contrastive_loss(x, y, 30.0, impl=impl)
    )


@pytest.mark.parametrize("impl", ALL)
def test_scale_as_number_or_any_tensor_of_one_element(impl):
    x, y = unit_pairs(9)
    for scale in (7.0, 7, torch.tensor(7.0), torch.tensor([7.0]), torch.tensor(7)):
        torch.testing.assert_close(
            contrastive_loss(x, y, scale, impl=impl), contrastive_loss(x, y, 7.0, impl="dense")
        )
    scale = torch.tensor([7.0], requires_grad=True)
    contrastive_loss(x, y, scale, impl=impl).backward()
    assert scale.grad.shape == (1,)


@pytest.mark.parametrize("impl", ALL)
def test_only_some_inputs_need_gradients(impl):
    x, y = unit_pairs(9)
    x.requires_grad_()
    contrastive_loss(x, y, 7.0, impl=impl, chunk_size=4).backward()
    (expected,) = value_and_gradients(lambda a: contrastive_loss(a, y, 7.0, impl="dense"), x)[1]
    torch.testing.assert_close(x.grad, expected)
    with torch.no_grad():
        assert not contrastive_loss(x, y, 7.0, impl=impl).requires_grad


@pytest.mark.parametrize("impl", ALL)
def test_backward_twice_through_a_retained_graph(impl):
    x, y = unit_pairs(20)
    x.requires_grad_()
    loss = contrastive_loss(x, y, 50.0, impl=impl, chunk_size=8)
    (first,) = torch.autograd.grad(loss, x, retain_graph=True)
    (second,) = torch.autograd.grad(3 * loss, x)
    torch.testing.assert_close(second, 3 * first)


def test_double_backward_where_dense_and_a_clear_error_elsewhere():
    x, y = unit_pairs(5, 3, dtype=torch.float64)
    scale = torch.tensor(4.0, dtype=torch.float64)
    leaves = [t.requires_grad_() for t in (x, y, scale)]
    for call in (lambda *a: contrastive_loss(*a, impl="dense"), lambda *a: sigmoid_loss(*a, -1.0)):
        assert torch.autograd.gradgradcheck(call, leaves)
    calls = [lambda *a, i=impl: contrastive_loss(*a, impl=i) for impl in TILED]
    for call in (*calls, lambda *a: sigmoid_loss(*a, -1.0, chunk_size=2)):
        (gradient,) = torch.autograd.grad(call(*leaves), x, create_graph=True)
        with pytest.raises(RuntimeError, match="cannot be differentiated again: .* can be"):
            gradient.sum().backward()


@pytest.mark.parametrize("impl", ALL)
def test_under_torch_compile(impl):
    inputs = (*unit_pairs(24), torch.tensor(30.0))
    torch._dynamo.reset()

    def loss(x, y, s):
        return 2 * contrastive_loss(x * 1, y, s, impl=impl, chunk_size=8)

    # "aot_eager" traces forward and backward as the default backend does, without a C++ compiler's half minute
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=impl in ("dense", "auto"))
    assert_close(value_and_gradients(compiled, *inputs), value_and_gradients(loss, *inputs))


@pytest.mark.parametrize(
    ("rows", "columns", "device", "known", "choice"),
    [
        (100, 100, "cpu", {}, "dense"),
        (2048, 2048, "cpu", {}, "one_buffer"),
        (2048, 2048, "cpu", {"compiling": True}, "dense"),
        (2**15, 2**15, "cpu", {}, "chunked"),
        (2**15, 2**15, "cpu", {"compiling": True}, "chunked"),
        (2**10, 2**15, "cpu", {}, "one_buffer"),
        (2048, 2048, "cuda", {"triton_can": True}, "dense"),
        (2**14, 2**14, "cuda", {"triton_can": True}, "triton"),
        (2**15, 2**15, "cuda", {"free_bytes": 2**35}, "one_buffer"),
        (2**15, 2**15, "cuda", {"free_bytes": 2**33}, "chunked"),
        (2**15, 2**15, "cuda", {"free_bytes": 2**35, "triton_can": True, "compiling": True}, "dense"),
    ],
)
def test_auto_follows_the_size_of_the_matrix_and_the_device(rows, columns, device, known, choice):
    assert losses.choose_implementation(rows, columns, device, **known) == choice


@pytest.mark.parametrize("chunk_size", [np.int64(7), np.uint8(7), 7])
def test_any_integer_is_a_chunk_size(chunk_size):
    inputs = (*unit_pairs(20), 10.0)
    expected = contrastive_loss(*inputs, impl="dense")
    torch.testing.assert_close(contrastive_loss(*inputs, impl="chunked", chunk_size=chunk_size), expected)


def test_chunked_memory_is_linear_and_one_buffer_holds_one_matrix():
    from vlm_lib.bench.measure import peak_bytes

    peaks = {}
    for impl in ("dense", *TILED):
        leaves = [t.requires_grad_() for t in unit_pairs(3000, 16)]

        def call(leaves=leaves, impl=impl):
            torch.autograd.grad(contrastive_loss(*leaves, 10.0, impl=impl, chunk_size=100), leaves)

        call()
        peaks[impl] = peak_bytes(call, torch.device("cpu"))
    matrix = 4 * 3000**2
    if peaks["dense"] is None:
        pytest.skip("this system has no resettable high-water mark of memory")
    assert peaks["chunked"] < 0.15 * matrix
    assert matrix <= 1.02 * peaks["one_buffer"] < 1.3 * matrix
    assert peaks["dense"] > 2.5 * matrix


# --- contrastive: refusals ---


def with_value(tensor, value):
    tensor = tensor.clone()
    tensor[1, 1] = value
    return tensor


@pytest.mark.parametrize("impl", ALL)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_refuses_values_that_are_not_finite(impl, value):
    x, y = unit_pairs(6)
    with pytest.raises(ValueError, match="image_features must be finite: 1 of 120"):
        contrastive_loss(with_value(x, value), y, 1.0, impl=impl)
    with pytest.raises(ValueError, match="text_features must be finite"):
        contrastive_loss(x, with_value(y, value), 1.0, impl=impl)
    with pytest.raises(ValueError, match="logit_scale must be finite"):
        contrastive_loss(x, y, value, impl=impl)


def test_a_sum_that_overflows_is_not_a_value_that_is_not_finite():
    x = torch.full((4, 4), 3e38)
    assert not torch.isfinite(x.sum())
    assert torch.isfinite(contrastive_loss(x, torch.zeros(4, 4), 1.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_features": torch.randn(6)}, r"image_features has shape \[6\], expected \[batch dim\]"),
        ({"text_features": torch.randn(5, 20)}, r"text_features has shape \[5, 20\], expected \[batch=6 dim=20\]"),
        ({"text_features": torch.randn(6, 19)}, r"text_features has shape \[6, 19\]"),
        ({"image_features": torch.randn(0, 20)}, "image_features is an empty batch"),
        ({"image_features": torch.ones(6, 20, dtype=torch.long)}, "image_features has dtype torch.int64"),
        ({"logit_scale": torch.ones(6)}, r"logit_scale has shape \[6\], expected one number"),
        ({"positives": torch.arange(5)}, r"positives has shape \[5\], expected \[batch=6\]"),
        ({"positives": torch.rand(6)}, "positives has dtype torch.float32, expected integer labels"),
        ({"chunk_size": 0}, "chunk_size is 0, expected a positive integer"),
        ({"chunk_size": 2.5}, "chunk_size is 2.5, expected a positive integer"),
        ({"impl": "sparse"}, "impl is 'sparse', expected one of"),
        ({"impl": "triton"}, "impl is 'triton', which needs a CUDA device"),
    ],
)
def test_refuses_bad_arguments(change, message, monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    x, y = unit_pairs(6)
    arguments = {"image_features": x, "text_features": y, "logit_scale": 10.0, **change}
    with pytest.raises(ValueError, match=message):
        contrastive_loss(**arguments)
    if not change.keys() & {"impl"}:
        with pytest.raises(ValueError, match=message):
            sigmoid_loss(**{"chunk_size": None, "logit_bias": -10.0, **arguments})


# --- sigmoid ---


@pytest.mark.parametrize("chunk", [None, 1, 16, 77, 100])
@pytest.mark.parametrize(("scale", "bias"), [(10.0, -10.0), (100.0, -10.0), (100.0, 40.0)])
def test_sigmoid_equals_open_clip(chunk, scale, bias):
    inputs = (*unit_pairs(77), torch.tensor(scale), torch.tensor(bias))
    got = value_and_gradients(lambda *a: sigmoid_loss(*a, chunk_size=chunk), *inputs)
    assert_close(got, value_and_gradients(SigLipLoss(), *inputs))
    assert_close(got, value_and_gradients(SigLipLoss(), *(t.double() for t in inputs)))


@pytest.mark.parametrize("chunk", [None, 2])
def test_sigmoid_equals_the_loss_inside_transformers_siglip(chunk):
    torch.manual_seed(0)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.SiglipConfig(
        text_config={**small, "vocab_size": 50, "max_position_embeddings": 8},
        vision_config={**small, "image_size": 16, "patch_size": 8},
    )
    model = transformers.SiglipModel(config).eval()
    out = model(input_ids=torch.randint(0, 50, (5, 8)), pixel_values=torch.randn(5, 3, 16, 16), return_loss=True)
    scale = model.logit_scale.exp()
    ours = sigmoid_loss(out.image_embeds, out.text_embeds, scale, model.logit_bias, chunk_size=chunk)
    torch.testing.assert_close(ours, out.loss, atol=1e-5, rtol=1e-5)


@settings(deadline=None, max_examples=40)
@given(batch=st.integers(1, 30), chunk=st.integers(1, 40), labels=st.one_of(st.none(), st.integers(1, 5)))
def test_sigmoid_tiles_equal_the_formula(batch, chunk, labels):
    inputs = (*unit_pairs(batch, 5, dtype=torch.float64), torch.tensor(9.0).double(), torch.tensor(-3.0).double())
    positives = torch.arange(batch) if labels is None else torch.arange(batch) % labels

    def formula(x, y, scale, bias):
        sign = 2.0 * (positives[:, None] == positives) - 1
        return -F.logsigmoid(sign * (scale * x @ y.T + bias)).sum() / batch

    expected = value_and_gradients(formula, *inputs)
    given_labels = None if labels is None else positives
    for size in (chunk, None):
        got = value_and_gradients(
            lambda *a, c=size: sigmoid_loss(*a, chunk_size=c, positives=given_labels), *inputs
        )
        torch.testing.assert_close(got, expected, atol=1e-9, rtol=1e-8)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("chunk", [None, 16])
def test_sigmoid_in_reduced_precision_and_compiled(chunk, dtype):
    x, y = unit_pairs(50, dtype=dtype)
    scalars = (torch.tensor(100.0), torch.tensor(-10.0))
    expected = value_and_gradients(SigLipLoss(), x.double(), y.double(), *(t.double() for t in scalars))

    def loss(*inputs):
        return sigmoid_loss(*inputs, chunk_size=chunk)

    def under_autocast(*inputs):
        with torch.autocast("cpu", dtype):
            return loss(*inputs)

    assert_close(value_and_gradients(under_autocast, x, y, *scalars), expected, gradient=1e-2)
    assert_close(value_and_gradients(under_autocast, x.float(), y.float(), *scalars), expected)
    torch._dynamo.reset()
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=chunk is None)
    assert_close(value_and_gradients(compiled, x.float(), y.float(), *scalars), expected)


def test_sigmoid_without_gradients_and_through_a_retained_graph():
    x, y = unit_pairs(10)
    with torch.no_grad():
        quiet = sigmoid_loss(x.requires_grad_(), y, 10.0, -10.0, chunk_size=4)
    loss = sigmoid_loss(x, y, 10.0, -10.0, chunk_size=4)
    torch.testing.assert_close(quiet, loss.detach())
    (first,) = torch.autograd.grad(loss, x, retain_graph=True)
    (second,) = torch.autograd.grad(2 * loss, x)
    torch.testing.assert_close(second, 2 * first)


def test_sigmoid_refuses_a_bad_bias():
    x, y = unit_pairs(4)
    with pytest.raises(ValueError, match=r"logit_bias has shape \[4\], expected one number"):
        sigmoid_loss(x, y, 10.0, torch.ones(4))
    with pytest.raises(ValueError, match="logit_bias must be finite"):
        sigmoid_loss(x, y, 10.0, math.nan)


# --- captions ---


def test_caption_loss_counts_only_tokens_that_count():
    logits = torch.tensor([[[0.0, 0.0], [9.0, 0.0]], [[0.0, math.log(3)], [5.0, 5.0]]])
    targets = torch.tensor([[0, -100], [0, -100]])
    # by hand: -log(1/2) and -log(1/4), and nothing of the other two
    assert float(caption_loss(logits, targets)) == pytest.approx((math.log(2) + math.log(4)) / 2)
    changed = logits.clone()
    changed[:, 1] = 7.0 * torch.randn(2, 2)
    assert float(caption_loss(changed, targets)) == float(caption_loss(logits, targets))


def test_caption_loss_gradient_is_zero_where_ignored_and_ignore_index_can_be_chosen():
    logits = torch.randn(3, 5, 7, requires_grad=True)
    targets = torch.randint(1, 7, (3, 5))
    targets[:, 3:] = 0
    caption_loss(logits, targets, ignore_index=0).backward()
    assert (logits.grad[:, 3:] == 0).all()
    assert (logits.grad[:, :3] != 0).all()
    per_token = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    torch.testing.assert_close(caption_loss(logits, targets, ignore_index=0), per_token[:, :3].mean())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_caption_loss_is_computed_in_float32(dtype):
    logits = (10 * torch.randn(2, 4, 9)).to(dtype).transpose(0, 1)
    targets = torch.randint(0, 9, (4, 2))
    with torch.autocast("cpu", dtype):
        loss = caption_loss(logits, targets)
    torch.testing.assert_close(loss, caption_loss(logits.double(), targets).float(), atol=1e-6, rtol=1e-6)
    torch._dynamo.reset()
    compiled = torch.compile(caption_loss, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(logits, targets), loss)


@pytest.mark.parametrize(
    ("logits", "targets", "message"),
    [
        (torch.randn(2, 3), torch.zeros(2, 3).long(), r"logits has shape \[2, 3\], expected \[batch seq vocab\]"),
        (
            torch.randn(2, 3, 5),
            torch.zeros(2, 4).long(),
            r"targets has shape \[2, 4\], expected \[batch=2 seq=3\]",
        ),
        (torch.randn(0, 3, 5), torch.zeros(0, 3).long(), "logits is an empty batch"),
        (torch.randn(2, 3, 5), torch.zeros(2, 3), "targets has dtype torch.float32, expected integer token ids"),
        (torch.randn(2, 3, 5), torch.full((2, 3), 5), "targets reach from 5 to 5, expected ids below 5"),
        (torch.randn(2, 3, 5), torch.full((2, 3), -1), "targets reach from -1 to -1"),
        (torch.randn(2, 3, 5), torch.full((2, 3), -100), "targets holds nothing but ignore_index=-100"),
        (torch.full((2, 3, 5), math.nan), torch.zeros(2, 3).long(), "logits must be finite"),
    ],
)
def test_caption_loss_refuses(logits, targets, message):
    with pytest.raises(ValueError, match=message):
        caption_loss(logits, targets)
