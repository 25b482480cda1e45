"""AttentionPooler: the weights of open_clip give its numbers, both forms agree, and padding is not seen."""

import pytest
import torch
from open_clip.transformer import AttentionalPooler
from torch.nn.attention import SDPBackend, sdpa_kernel

from vlm_lib.attention import AttentionPooler

IMPLS = ["dense", "folded"]


def random_open_clip(dim, context_dim, queries, heads=4):
    """open_clip's pooler with nothing left at its initial 0 or 1, where a forgotten bias or gain would hide."""
    torch.manual_seed(0)
    pooler = AttentionalPooler(dim, context_dim, heads, queries)
    for name, p in pooler.named_parameters():
        if p.ndim == 1:
            torch.nn.init.normal_(p, mean=1.0 if name in ("ln_q.weight", "ln_k.weight") else 0.0, std=0.5)
    return pooler


def gradients(pooler, context, upstream, **kwargs):
    out = pooler(context, **kwargs)
    leaves = {"context": context} | dict(pooler.named_parameters())
    grads = torch.autograd.grad(out, list(leaves.values()), upstream, allow_unused=True)
    return out, dict(zip(leaves, grads, strict=True))


def relative(actual, expected):
    return float((actual - expected).detach().abs().max() / expected.detach().abs().max())


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("queries", [1, 5])
@pytest.mark.parametrize(("dim", "context_dim"), [(32, 32), (32, 48)])
def test_equals_open_clip_forward_and_backward(dim, context_dim, queries, impl):
    theirs = random_open_clip(dim, context_dim, queries)
    ours = AttentionPooler.from_open_clip(theirs, impl)
    context = torch.randn(3, 11, context_dim, requires_grad=True)
    upstream = torch.randn(3, queries, dim)
    expected, their_grads = gradients(theirs, context, upstream)
    out, grads = gradients(ours, context, upstream)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=0)
    assert relative(grads["context"], their_grads["context"]) < 1e-4
    assert relative(grads["query"], their_grads["query"]) < 1e-4
    separate = ["attn.q_proj_weight", "attn.k_proj_weight", "attn.v_proj_weight"]
    joint = "attn.in_proj_weight"
    weights = their_grads[joint].chunk(3) if joint in their_grads else [their_grads[n] for n in separate]
    for name, expected in zip(["to_q", "to_k", "to_v"], weights, strict=True):
        assert relative(grads[f"{name}.weight"], expected) < 1e-4
    q_bias, _, v_bias = their_grads["attn.in_proj_bias"].chunk(3)
    assert relative(grads["to_q.bias"], q_bias) < 1e-4
    assert relative(grads["to_v.bias"], v_bias) < 1e-4
    pairs = {"norm_query": "ln_q", "norm_context": "ln_k", "to_out": "attn.out_proj"}
    for ours_name, their_name in pairs.items():
        for part in ("weight", "bias"):
            assert relative(grads[f"{ours_name}.{part}"], their_grads[f"{their_name}.{part}"]) < 1e-4


def slow(pooler, context, padding):
    """One example, head, query and token at a time, in float64, from the definition."""
    pooler, context = pooler.double(), context.double()
    q = pooler.to_q(pooler.norm_query(pooler.query))
    size = q.shape[1] // pooler.heads
    out = torch.zeros(len(context), *q.shape, dtype=torch.float64)
    for b, tokens in enumerate(pooler.norm_context(context)):
        kept = [pooler.to_k(t) for t in tokens[~padding[b]]], [pooler.to_v(t) for t in tokens[~padding[b]]]
        for n, query in enumerate(q):
            for h in range(pooler.heads):
                part = slice(h * size, (h + 1) * size)
                weights = torch.stack([(query[part] * k[part]).sum() * size**-0.5 for k in kept[0]]).softmax(0)
                out[b, n, part] = sum(w * v[part] for w, v in zip(weights, kept[1], strict=True))
    return pooler.to_out(out)


@pytest.mark.parametrize("impl", IMPLS)
def test_float64_oracle_with_padding(impl):
    pooler = AttentionPooler.from_open_clip(random_open_clip(16, 12, 3), impl)
    context = torch.randn(2, 5, 12)
    padding = torch.tensor([[False, False, True, False, True], [False] * 5])
    out = pooler(context, key_padding_mask=padding)
    with torch.no_grad():
        expected = slow(pooler, context, padding)
    torch.testing.assert_close(out.double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("impl", IMPLS)
def test_padding_is_as_if_absent(impl):
    pooler = AttentionPooler.from_open_clip(random_open_clip(16, 16, 2), impl)
    context = torch.randn(2, 7, 16, requires_grad=True)
    padding = torch.zeros(2, 7, dtype=torch.bool)
    padding[:, 4:] = True
    out, grads = gradients(pooler, context, torch.ones(2, 2, 16), key_padding_mask=padding)
    torch.testing.assert_close(out, pooler(context[:, :4]), atol=1e-6, rtol=1e-5)
    assert grads["context"][:, 4:].eq(0).all()
    assert grads["context"][:, :4].ne(0).any()


@pytest.mark.parametrize("impl", IMPLS)
def test_order_of_tokens_does_not_matter_and_their_content_does(impl):
    pooler = AttentionPooler.from_open_clip(random_open_clip(16, 16, 2), impl)
    context = torch.randn(1, 9, 16)
    torch.testing.assert_close(pooler(context[:, torch.randperm(9)]), pooler(context), atol=1e-6, rtol=1e-5)
    assert not torch.allclose(pooler(context + torch.randn(1, 9, 16)), pooler(context), atol=1e-3)


@pytest.mark.parametrize("impl", IMPLS)
def test_key_bias_changes_nothing(impl):
    pooler = AttentionPooler.from_open_clip(random_open_clip(16, 16, 2), impl)
    context = torch.randn(2, 5, 16)
    before = pooler(context)
    with torch.no_grad():
        pooler.to_k.bias.add_(3.0)
    torch.testing.assert_close(pooler(context), before, atol=1e-5, rtol=0)


def test_auto_takes_the_cheaper_form():
    assert AttentionPooler(768, 768, 1).implementation(256) == "folded"
    assert AttentionPooler(768, 768, 64).implementation(256) == "folded"
    assert AttentionPooler(768, 768, 96).implementation(256) == "dense"
    assert AttentionPooler(768, 768, 256).implementation(256) == "dense"
    assert AttentionPooler(768, 768, 256, impl="folded").implementation(256) == "folded"


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(impl, dtype):
    pooler = AttentionPooler.from_open_clip(random_open_clip(32, 32, 2), impl)
    context = torch.randn(2, 9, 32, requires_grad=True)
    expected, expected_grads = gradients(pooler, context, torch.ones(2, 2, 32))
    with torch.autocast("cpu", dtype=dtype):
        out = pooler(context)
    grad = torch.autograd.grad(out, context, torch.ones_like(out))[0]
    assert out.dtype == dtype
    assert relative(out.float(), expected) < 0.03
    assert relative(grad, expected_grads["context"]) < 0.08


@pytest.mark.parametrize("impl", IMPLS)
def test_low_precision_weights_and_inputs(impl):
    pooler = AttentionPooler.from_open_clip(random_open_clip(32, 32, 2), impl)
    context = torch.randn(2, 9, 32)
    expected = pooler(context)
    out = pooler.bfloat16()(context.bfloat16(), key_padding_mask=torch.zeros(2, 9, dtype=torch.bool))
    assert out.dtype == torch.bfloat16
    assert relative(out.float(), expected) < 0.05


@pytest.mark.parametrize("impl", IMPLS)
def test_non_contiguous_context(impl):
    pooler = AttentionPooler.from_open_clip(random_open_clip(16, 16, 2), impl)
    context = torch.randn(5, 16, 3).permute(2, 0, 1)
    assert not context.is_contiguous()
    torch.testing.assert_close(pooler(context), pooler(context.contiguous()), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("impl", IMPLS)
def test_compiles_without_graph_breaks(impl):
    pooler = AttentionPooler.from_open_clip(random_open_clip(16, 16, 2), impl)
    context = torch.randn(2, 5, 16)
    padding = torch.arange(5).expand(2, 5) > 3
    compiled = torch.compile(pooler, backend="aot_eager", fullgraph=True)
    result = compiled(context, key_padding_mask=padding)
    torch.testing.assert_close(result, pooler(context, key_padding_mask=padding))


@pytest.mark.parametrize("impl", IMPLS)
def test_double_backward(impl):
    pooler = AttentionPooler.from_open_clip(random_open_clip(8, 8, 2, heads=2), impl).double()
    context = torch.randn(1, 3, 8, dtype=torch.float64, requires_grad=True)
    with sdpa_kernel(SDPBackend.MATH):
        assert torch.autograd.gradgradcheck(lambda x: pooler(x), context)


def test_double_backward_of_fused_attention_is_refused():
    pooler = AttentionPooler.from_open_clip(random_open_clip(16, 16, 2), "dense")
    context = torch.randn(1, 5, 16, requires_grad=True)
    grad = torch.autograd.grad(pooler(context).square().sum(), context, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="not implemented"):
        torch.autograd.grad(grad.square().sum(), context)


def test_state_dict_is_one_for_both_forms():
    dense, folded = (AttentionPooler(16, 12, 2, 4, impl=impl) for impl in IMPLS)
    folded.load_state_dict(dense.state_dict())
    context = torch.randn(2, 5, 12)
    torch.testing.assert_close(folded(context), dense(context), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("context", "padding", "message"),
    [
        (torch.zeros(2, 5), None, r"context has shape \[2, 5\], expected \[batch tokens context_dim=16\]"),
        (torch.zeros(2, 5, 8), None, "context has shape"),
        (torch.zeros(0, 5, 16), None, "context is an empty batch"),
        (torch.zeros(2, 0, 16), None, "context has shape .* at least one token"),
        (torch.full((2, 5, 16), torch.nan), None, "context must be finite"),
        (torch.zeros(2, 5, 16), torch.zeros(2, 4, dtype=torch.bool), "key_padding_mask has shape"),
        (torch.zeros(2, 5, 16), torch.zeros(2, 5), "key_padding_mask has dtype torch.float32"),
        (torch.zeros(2, 5, 16), torch.tensor([[False] * 5, [True] * 5]), r"hides every token of examples \[1\]"),
    ],
)
def test_bad_input(context, padding, message):
    with pytest.raises(ValueError, match=message):
        AttentionPooler(16, 16)(context, key_padding_mask=padding)


@pytest.mark.parametrize("sizes", [{"heads": 3}, {"num_queries": 0}, {"heads": 0}])
def test_bad_sizes(sizes):
    with pytest.raises(ValueError, match="dim a multiple of heads"):
        AttentionPooler(16, 16, **sizes)


def test_unknown_impl():
    with pytest.raises(ValueError, match="impl is 'fast'"):
        AttentionPooler(16, 16, impl="fast")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_folded_scores_that_are_sharp_stay_exact_in_half_precision(dtype):
    torch.manual_seed(0)
    dense = AttentionPooler(64, 64, 4, heads=4, impl="dense")
    context = torch.randn(3, 50, 64)
    with torch.no_grad():
        q = dense.to_q(dense.norm_query(dense.query)).unflatten(-1, (4, -1))
        k = dense.to_k(dense.norm_context(context)).unflatten(-1, (4, -1))
        spread = (torch.einsum("qhd,bthd->bhqt", q, k) / 4).std()
        dense.to_q.weight.mul_(9 / spread)  # logits of standard deviation 9
    folded = AttentionPooler(64, 64, 4, heads=4, impl="folded")
    folded.load_state_dict(dense.state_dict())
    dense, folded, context = dense.to(dtype), folded.to(dtype), context.to(dtype)
    true = AttentionPooler(64, 64, 4, heads=4, impl="dense").double()
    true.load_state_dict(dense.state_dict())
    expected = true(context.double())
    errors = {name: relative(pooler(context).double(), expected) for name, pooler in
              (("dense", dense), ("folded", folded))}  # fmt: skip
    assert errors["folded"] <= 1.5 * errors["dense"]
