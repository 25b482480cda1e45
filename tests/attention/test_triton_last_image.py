"""The Triton kernels of last-image attention: interpreted against float64, and compiled for GPUs."""

import os
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("triton", reason="Triton is published for Linux only")

ORACLE = """
import torch
from vlm_lib.attention import last_image_attention

def oracle(q, k, v, phi):
    "One position at a time, in float64."
    out = torch.zeros_like(q)
    for b in range(len(q)):
        for s in range(q.shape[2]):
            if image := int(phi[b, s]):
                keys, values = k[b, :, image - 1], v[b, :, image - 1]
                scores = (keys @ q[b, :, s, :, None]).squeeze(-1) * q.shape[-1] ** -0.5
                out[b, :, s] = (scores.softmax(-1)[:, None] @ values).squeeze(1)
    return out

def inputs(seq, images, tokens, dim, std, dtype=torch.float32):
    draws = [torch.randn(2, seq, 3, dim) * std, *torch.randn(2, 2, images, tokens, 3, dim)]
    q, k, v = (t.to(dtype) for t in draws)
    phi = torch.sort(torch.randint(0, images + 1, (2, seq)), dim=1).values
    return [q.transpose(1, 2), k.permute(0, 3, 1, 2, 4), v.permute(0, 3, 1, 2, 4)], phi

def with_gradients(attend, tensors, upstream):
    leaves = [t.detach().clone().requires_grad_() for t in tensors]
    out = attend(*leaves)
    return [out.detach(), *torch.autograd.grad(out, leaves, upstream.to(out))]

def triton(*tensors):
    return last_image_attention(*tensors, impl="triton")

torch.manual_seed(0)
"""


def run(program, interpret=True):
    """Run in a process of its own: Triton decides at import whether it interprets."""
    environment = {**os.environ, "TRITON_INTERPRET": "1" if interpret else "0", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ORACLE + textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_interpreted_kernels_follow_the_definition_in_float64():
    printed = run(
        """
        # blocks of text that several images share, ragged in every axis, sharp softmaxes, a single position
        cases = [(100, 3, 5, 24, 1.0), (70, 2, 64, 32, 9.0), (130, 1, 7, 16, 1.0), (1, 4, 16, 8, 1.0)]
        for sizes in cases:
            for dtype, allowed in ((torch.float32, 3e-5), (torch.float16, 3e-3)):
                qkv, phi = inputs(*sizes, dtype)
                phi[0, : sizes[0] // 4] = 0
                upstream = torch.randn(qkv[0].shape)
                true = with_gradients(lambda *t: oracle(*t, phi), [t.double() for t in qkv], upstream.to(dtype))
                got = with_gradients(lambda *t: triton(*t, phi), qkv, upstream)
                for name, one, other in zip(("out", "q", "k", "v"), got, true):
                    error = (one.double() - other).norm() / other.norm().clamp(min=1e-9)
                    assert error < allowed, (sizes, dtype, name, error)
                blind = (phi == 0)[:, None, :, None].expand_as(got[0])
                assert not got[0][blind].any() and not got[1][blind].any()
        print(len(cases), "cases")
        """
    )
    assert printed == "4 cases\n"


def test_an_image_that_no_text_sees_gets_no_gradient_and_blind_texts_are_zero():
    run(
        """
        qkv, _ = inputs(20, 3, 5, 16, 1.0)
        upstream = torch.randn(qkv[0].shape)
        phi = torch.zeros(2, 20, dtype=torch.long)
        assert not any(t.any() for t in with_gradients(lambda *t: triton(*t, phi), qkv, upstream))
        phi[:, 10:] = 3
        _, _, dk, dv = with_gradients(lambda *t: triton(*t, phi), qkv, upstream)
        assert not dk[:, :, :2].any() and not dv[:, :, :2].any()
        assert dk[:, :, 2].any() and dv[:, :, 2].any()
        """
    )


def test_what_the_kernel_finds_wrong_is_refused_by_name():
    run(
        """
        def refused(tensors, phi):
            try:
                triton(*tensors, phi)
            except ValueError as error:
                return str(error)
            return "accepted"

        qkv, _ = inputs(20, 3, 5, 16, 1.0)
        phi = (torch.arange(20) // 5).expand(2, -1)
        assert refused(qkv, phi) == "accepted"
        for at, name in enumerate("qkv"):
            for value in (float("nan"), float("inf"), -float("inf")):
                bad = [t.clone() for t in qkv]
                bad[at][1, 2, -1, ..., 3] = value
                assert refused(bad, phi).startswith(f"{name} must be finite"), (name, value)
        assert "reaches 4" in refused(qkv, phi + 1)
        assert "decreases" in refused(qkv, phi.flip(1))
        assert "holds -1" in refused(qkv, phi - 1)
        # large finite values are no fault, though their sum is infinite
        qkv[1][:] = 3e38
        qkv[0][:] = 0.0
        assert refused(qkv, phi) == "accepted"
        """
    )


def test_a_second_derivative_is_refused():
    run(
        """
        qkv, phi = inputs(10, 2, 4, 16, 1.0)
        leaves = [t.requires_grad_() for t in qkv]
        (first,) = torch.autograd.grad(triton(*leaves, phi).square().sum(), leaves[0], create_graph=True)
        try:
            first.sum().backward()
        except RuntimeError as error:
            assert "differentiable once" in str(error)
        else:
            raise AssertionError("a second derivative came out")
        """
    )


def test_kernels_compile_for_gpus_without_one():
    printed = run(
        """
        import triton
        from triton.backends.compiler import GPUTarget
        from triton.compiler import ASTSource
        from vlm_lib.kernels import triton_last_image as kernels

        numbers = {"q", "k", "v", "out", "grad", "grad_q", "grad_k", "grad_v"}
        types = {"phi": "*i64", "starts": "*i32", "suspect": "*i32", "lse": "*fp32", "scale": "fp32"}
        backward = dict.fromkeys((2, 4), kernels.BACKWARD)
        launches = (kernels.forward_kernel, kernels.FORWARD), (kernels.backward_kernel, backward)
        for kernel, by_bytes in launches:
            names = kernel.arg_names
            for number, launch in (("fp32", by_bytes[4]), ("fp16", by_bytes[2]), ("bf16", by_bytes[2])):
                sizes = {"ROWS": launch["ROWS"], "TOKENS": 64, "DIM": 64}
                options = {name: value for name, value in launch.items() if name != "ROWS"}
                known = types | dict.fromkeys(sizes, "constexpr") | dict.fromkeys(numbers, f"*{number}")
                signature = {name: known.get(name, "i32") for name in names}
                source = ASTSource(
                    fn=kernel, signature=signature, constexprs={(names.index(n),): s for n, s in sizes.items()}
                )
                for capability in (80, 90):
                    built = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
                    # what an A100 and an H100 give a program
                    assert built.metadata.shared <= (163 if capability == 80 else 227) * 1024
                    print(kernel.__name__, number, capability, len(built.asm["cubin"]) > 0)
        """,
        interpret=False,
    )
    assert printed.count("True") == 12
