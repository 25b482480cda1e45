"""The Triton kernels: run by Triton's interpreter against the dense loss, and compiled for two GPU
generations."""

import os
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("triton", reason="Triton is published for Linux only")


def run(program: str, interpret: bool) -> str:
    """Run in a process of its own: Triton decides at import whether it interprets."""
    environment = {**os.environ, "TRITON_INTERPRET": "1" if interpret else "0", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_interpreted_kernels_equal_dense_in_float64():
    printed = run(
        """
        import itertools, torch, torch.nn.functional as F
        from vlm_lib.losses import contrastive_loss

        def result(loss, *inputs):
            leaves = [t.detach().clone().requires_grad_() for t in inputs]
            value = loss(*leaves)
            return value.detach(), *torch.autograd.grad(value, leaves)

        torch.manual_seed(0)
        count = 0
        # one row, ragged blocks in every axis, several strips a program, and features that defeat a shared
        # shift
        for batch, dim, hostile in ((1, 3, False), (70, 40, False), (200, 48, True), (256, 64, False)):
            x, y = (F.normalize(torch.randn(batch, dim), dim=1) for _ in range(2))
            if hostile:
                y = F.normalize(y[:1] + 0.01 * y, dim=1)
                x = F.normalize(torch.where(torch.rand(batch, 1) < 0.2, -1.0, 1.0) * y[:1] + 0.01 * x, dim=1)
            inputs = x, y, torch.tensor(100.0)
            for chunk, labels in itertools.product((None, 96), (None, torch.arange(batch) % 5)):
                got = result(lambda *a: contrastive_loss(
                    *a, impl="triton", chunk_size=chunk, positives=labels), *inputs)
                true = result(lambda *a: contrastive_loss(
                    *a, impl="dense", positives=labels), *(t.double() for t in inputs))
                assert abs(got[0] - true[0]) <= 1e-5 * max(1, abs(true[0])), (batch, got[0], true[0])
                for g, t in zip(got[1:], true[1:]):
                    # one pair alone has the gradient 0, so its error is measured against 1
                    assert (g - t).norm() <= 1e-4 * max(t.norm(), 1e-1 if batch == 1 else 0), (batch, chunk)
                count += 1
        transposed = contrastive_loss(x.T.contiguous().T, y, 100.0, impl="triton")
        assert torch.equal(transposed, contrastive_loss(x, y, 100.0, impl="triton"))
        half = contrastive_loss(x.bfloat16(), y.bfloat16(), 100.0, impl="triton")
        torch.testing.assert_close(half, contrastive_loss(x.bfloat16(), y.bfloat16(), 100.0, impl="dense"))
        print(count, "cases")
        """,
        interpret=True,
    )
    assert printed == "16 cases\n"


def test_kernels_compile_for_gpus_without_one():
    printed = run(
        """
        import triton
        from triton.backends.compiler import GPUTarget
        from triton.compiler import ASTSource
        from vlm_lib.kernels import triton_tiles

        halves = {"x", "x_rest", "y", "y_rest", "weights", "weights_rest"}
        block, options = triton_tiles.BLOCK, triton_tiles.LAUNCH
        for kernel in (triton_tiles.log_sum_exps_kernel, triton_tiles.weights_kernel):
            names = kernel.arg_names
            types = {name: "i32" for name in names} | {name: "*fp32" for name in ("scale", "row", "column")}
            types |= {name: "*fp16" for name in halves} | {name: "constexpr" for name in block}
            source = ASTSource(
                fn=kernel,
                signature={name: types[name] for name in names},
                constexprs={(names.index(name),): size for name, size in block.items()},
            )
            for capability in (80, 90):
                built = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
                # what an A100 and an H100 give a program
                assert built.metadata.shared <= (163 if capability == 80 else 227) * 1024
                print(kernel.__name__, capability, len(built.asm["cubin"]) > 0)
        """,
        interpret=False,
    )
    assert printed.count("True") == 4
