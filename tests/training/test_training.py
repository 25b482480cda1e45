"""The training loop: what it computes, that a kill changes nothing, and what it refuses."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.resumable import batches, build, train
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from vlm_lib.training import Weighted, fit, weighted_gradients
from vlm_lib.training.weights import state_digest

TESTS = Path(__file__).resolve().parents[1]


def _uninterrupted():
    model = build()
    return train(model, None), state_digest(model.state_dict())


def test_a_killed_run_goes_on_to_the_same_numbers(tmp_path):
    path = tmp_path / "run.safetensors"
    command = [sys.executable, "-m", "helpers.resumable", str(path), str(torch.get_num_threads())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=TESTS) as process:
        for line in process.stdout:
            if int(line) == 38:
                process.kill()
                break
    assert process.returncode == -9
    steps = []

    def counted(step):
        steps.append(step)
        return batches(step)

    model = build()
    resumed = train(model, path, counted)
    expected, digest = _uninterrupted()
    assert steps == list(range(35, 60))  # the last checkpoint before step 38 is that after 35 steps
    assert resumed.loss == expected.loss
    assert resumed.grad_norm == expected.grad_norm
    assert state_digest(model.state_dict()) == digest


def test_a_finished_run_is_not_trained_again(tmp_path):
    first = train(build(), tmp_path / "c")
    model = build()
    again = train(model, tmp_path / "c", batches=lambda step: pytest.fail("trained again"))
    assert again == first
    assert state_digest(model.state_dict()) == _uninterrupted()[1]


def test_damaged_checkpoint_is_reported_and_replaced(tmp_path):
    path = tmp_path / "c"
    train(build(), path)
    content = bytearray(path.read_bytes())
    content[-9] ^= 4
    path.write_bytes(content)
    model = build()
    with pytest.warns(UserWarning, match=f"{path} does not match its checksum.*starts from the beginning"):
        history = train(model, path)
    assert history.loss == _uninterrupted()[0].loss
    assert train(build(), path, batches=lambda step: pytest.fail("was not replaced")) == history


@pytest.mark.parametrize(
    ("seed", "changes", "reason"),
    [
        (0, {"lr": 2e-2}, "lr"),
        (0, {"seed": 4}, "seed"),
        (0, {"steps": 61, "warmup": 6}, "steps, warmup"),
        (0, {"param_groups": None}, "lr_scales"),
        (0, {"optimizer": "sgd"}, "optimizer"),
        (1, {}, "initial_state"),
    ],
)
def test_a_checkpoint_of_another_run_is_not_used(tmp_path, seed, changes, reason):
    train(build(), tmp_path / "c")
    model, fresh = build(seed), build(seed)
    with pytest.warns(UserWarning, match=rf"belongs to another run \(differs in {reason}\)"):
        history = train(model, tmp_path / "c", **changes)
    assert history.loss == train(fresh, None, **changes).loss
    assert state_digest(model.state_dict()) == state_digest(fresh.state_dict())


def test_updates_are_those_of_adamw_written_by_hand():
    """Two parameters, warm-up and cosine, decay of the matrix only, clipping: against the formulas."""
    w, b = torch.tensor([[2.0]]), torch.tensor([1.0])
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.copy_(w)
        model.bias.copy_(b)
    steps, lr, decay, clip = 6, 0.1, 0.5, 0.7
    history = fit(
        model,
        lambda step: torch.tensor([[1.0 + step]]),
        lambda m, x: m(x).square().sum(),
        steps=steps,
        lr=lr,
        warmup=2,
        weight_decay=decay,
        betas=(0.8, 0.9),
        clip_norm=clip,
    )
    w, b = 2.0, 1.0
    first, second = np.zeros(2), np.zeros(2)
    for step in range(steps):
        rate = lr * ((step + 1) / 2 if step < 2 else 0.5 * (1 + np.cos(np.pi * (step - 2) / 4)))
        x = 1.0 + step
        gradient = 2 * (w * x + b) * np.array([x, 1.0])
        norm = np.linalg.norm(gradient)
        assert history.loss[step] == pytest.approx((w * x + b) ** 2, rel=1e-4)
        assert history.grad_norm[step] == pytest.approx(norm, rel=1e-4)
        gradient = gradient * min(1, clip / norm)
        first = 0.8 * first + 0.2 * gradient
        second = 0.9 * second + 0.1 * gradient**2
        move = (first / (1 - 0.8 ** (step + 1))) / (np.sqrt(second / (1 - 0.9 ** (step + 1))) + 1e-8)
        w, b = w - rate * decay * w - rate * move[0], b - rate * move[1]
    assert model.weight.item() == pytest.approx(w, rel=1e-4)
    assert model.bias.item() == pytest.approx(b, rel=1e-4)


def test_a_group_moves_by_its_own_learning_rate():
    model = nn.ParameterDict({"slow": nn.Parameter(torch.zeros(3)), "fast": nn.Parameter(torch.zeros(3))})
    groups = [{"params": [model["fast"]], "lr_scale": 10.0}]
    fit(model, lambda step: None, _sum, steps=1, lr=1e-3, schedule="constant", param_groups=groups)
    assert model["slow"].detach() == pytest.approx(-1e-3 * np.ones(3), rel=1e-4)  # AdamW's first move is the rate
    assert model["fast"].detach() == pytest.approx(-1e-2 * np.ones(3), rel=1e-4)


def _sum(model, batch):
    return sum(parameter.sum() for parameter in model.values())


def test_frozen_parameters_and_the_mode_stay_as_they_are():
    model = build()
    model[2].eval()
    before = model[0].weight.clone()
    train(model, None)
    assert torch.equal(model[0].weight, before)
    assert model.training
    assert not model[2].training


def test_numpys_integers_and_floats_train_the_same(tmp_path):
    plain, numpys = build(), build()
    expected = train(plain, None, steps=8, seed=3)
    found = train(
        numpys,
        tmp_path / "c",
        steps=np.int64(8),
        seed=np.int64(3),
        warmup=np.int32(5),
        checkpoint_every=np.uint8(4),
    )
    assert found.loss == expected.loss
    assert state_digest(numpys.state_dict()) == state_digest(plain.state_dict())
    assert train(build(), tmp_path / "c", steps=8, checkpoint_every=4) == found  # and is found again


@pytest.mark.parametrize(("share", "steps", "warmup"), [(0.1, 60, 6), (0.05, 10, 1), (0.99, 60, 59), (0.5, 1, 0)])
def test_a_warmup_can_be_a_share_of_the_updates(share, steps, warmup):
    one, other = build(), build()
    assert train(one, None, steps=steps, warmup=share).loss == train(other, None, steps=steps, warmup=warmup).loss
    assert state_digest(one.state_dict()) == state_digest(other.state_dict())


def test_after_each_step_a_parameter_can_be_brought_back():
    model = nn.ParameterDict({"low": nn.Parameter(torch.zeros(3)), "free": nn.Parameter(torch.zeros(3))})
    seen = []

    def no_lower(model):
        model["low"].clamp_(min=-0.25)
        seen.append(model["low"].tolist())

    fit(model, lambda step: None, _sum, steps=5, lr=0.1, schedule="constant", after_step=no_lower)
    assert seen[0] == pytest.approx([-0.1] * 3, rel=1e-4)  # AdamW's first move is the rate
    assert seen[2:] == [[-0.25] * 3] * 3
    assert (model["free"] < -0.4).all()


def test_sgd_moves_by_the_gradient_and_its_momentum_and_is_resumed(tmp_path):
    def trained(steps_before_a_kill=None):
        model = nn.Linear(1, 1, bias=False)
        nn.init.constant_(model.weight, 0.0)

        def batch(step):
            if step == steps_before_a_kill:
                raise KeyboardInterrupt
            return torch.ones(1, 1)

        arguments = {"steps": 4, "lr": 0.1, "schedule": "constant", "optimizer": "sgd", "betas": (0.5, 0.9)}
        arguments |= {"clip_norm": float("inf"), "weight_decay": 0.0, "checkpoint_every": 1}
        fit(model, batch, lambda m, x: 2 * m(x).sum(), checkpoint=tmp_path / "c", **arguments)
        return model.weight.item()

    with pytest.raises(KeyboardInterrupt):
        trained(steps_before_a_kill=2)
    velocities = [2.0, 3.0, 3.5, 3.75]  # v <- 0.5 v + gradient
    assert trained() == pytest.approx(-0.1 * sum(velocities))


def test_a_checkpoint_that_cannot_be_written_is_noticed_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "c", tmp_path / "folder"):
        with pytest.raises(ValueError, match=f"checkpoint: got '{path}', expected a file that can be written"):
            train(build(), path, batches=lambda step: pytest.fail("trained"))
    assert [path.name for path in tmp_path.rglob("*") if path.name.startswith(".")] == []


def test_weighted_batches_give_the_update_of_the_weighted_sum():
    xs = [torch.randn(5, 3), torch.randn(7, 3)]
    one, two = nn.Linear(3, 1), nn.Linear(3, 1)
    two.load_state_dict(one.state_dict())

    def mean_square(model, x):
        return model(x).square().mean()

    settings = {"steps": 4, "lr": 1e-2}
    summed = fit(one, lambda step: Weighted(tuple(xs), (0.3, 2.0)), mean_square, **settings)
    joint = fit(
        two,
        lambda step: xs,
        lambda model, pair: 0.3 * mean_square(model, pair[0]) + 2.0 * mean_square(model, pair[1]),
        **settings,
    )
    assert summed.loss == pytest.approx(joint.loss, rel=1e-5)
    assert one.weight.detach() == pytest.approx(two.weight.detach().numpy(), abs=1e-6)


def test_weighted_gradients_replace_old_ones_and_return_plain_losses():
    model = nn.Linear(3, 1, bias=False)
    model.weight.grad = torch.full((1, 3), 99.0)
    a, b = torch.randn(3), torch.randn(3)
    values = weighted_gradients(model, [lambda: model(a).sum(), lambda: model(b).sum()], [2.0, -0.5])
    assert values == pytest.approx([model(a).item(), model(b).item()], rel=1e-5)
    assert torch.allclose(model.weight.grad[0], 2 * a - 0.5 * b, atol=1e-6)


@pytest.mark.parametrize(("losses", "weights"), [(0, 0), (1, 2), (2, 1)])
def test_weighted_gradients_need_one_weight_a_loss(losses, weights):
    with pytest.raises(ValueError, match=f"weights: got {weights} for {losses} losses"):
        weighted_gradients(nn.Linear(1, 1), [lambda: None] * losses, [1.0] * weights)


class _Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 1)

    def forward(self, x):
        q, k, v = self.qkv(x).unsqueeze(1).chunk(3, dim=-1)
        return self.out(F.scaled_dot_product_attention(q, k, v))


class _Ops(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append((func.__name__, args[0].dtype if args and isinstance(args[0], torch.Tensor) else None))
        return func(*args, **(kwargs or {}))


@pytest.mark.filterwarnings("ignore:bfloat16 products take")
def test_bfloat16_computes_in_bfloat16_with_plain_attention_and_float32_weights():
    x = torch.randn(4, 6, 16)
    histories, ops = {}, {}
    for precision in ("float32", "bfloat16"):
        torch.manual_seed(0)
        model = _Attention()
        with _Ops() as ops[precision]:
            histories[precision] = fit(
                model,
                lambda step: x,
                lambda m, x: (m(x).float() - 1).square().mean(),
                steps=12,
                lr=1e-2,
                precision=precision,
            )
        assert model.qkv.weight.dtype == torch.float32
    in_bfloat16 = {name for name, dtype in ops["bfloat16"].seen if dtype == torch.bfloat16}
    assert "bmm.default" in in_bfloat16
    assert not any("flash" in name for name, _ in ops["bfloat16"].seen)
    assert not any(dtype == torch.bfloat16 for _, dtype in ops["float32"].seen)
    assert histories["bfloat16"].loss != histories["float32"].loss
    assert histories["bfloat16"].loss == pytest.approx(histories["float32"].loss, rel=0.05)


def test_slow_bfloat16_is_said(monkeypatch):
    clock = iter([0.0, 1.0, 0.0, 9.0])
    monkeypatch.setattr("vlm_lib.training.precision.time.perf_counter", lambda: next(clock))
    from vlm_lib.training.precision import warn_if_slow

    with pytest.warns(UserWarning, match="take 9 times as long as float32"):
        warn_if_slow(torch.device("cpu"))


def test_time_is_reported_and_progress_where_it_has_a_name(capsys):
    history = train(build(), None, progress="tiny model")
    assert history.seconds > 0
    assert history.cpu_seconds > 0
    assert "tiny model: 60 steps\n" in capsys.readouterr().err
    train(build(), None)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_divergence_names_the_step_and_spares_the_weights(bad):
    model = nn.Linear(2, 1)

    def batch(step):
        return torch.full((1, 2), bad if step == 2 else 1.0)

    with pytest.raises(FloatingPointError, match="training diverged at step 2"):
        fit(model, batch, lambda m, x: m(x).sum(), steps=5, lr=1e-3)
    assert torch.isfinite(model.weight).all()


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("steps", 0),
        ("steps", 2.5),
        ("lr", 0.0),
        ("lr", -1e-3),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("warmup", -1),
        ("warmup", 60),
        ("warmup", 1.0),
        ("warmup", 0.0),
        ("warmup", float("nan")),
        ("warmup", "5"),
        ("warmup", True),
        ("clip_norm", 0),
        ("seed", -1),
        ("checkpoint_every", 0),
        ("precision", "float16"),
        ("schedule", "linear"),
        ("optimizer", "adam"),
    ],
)
def test_bad_arguments_are_named(argument, value):
    with pytest.raises(ValueError, match=f"^{argument}: got"):
        train(build(), None, **{argument: value})


def test_bad_models_and_groups_are_refused():
    model = build()
    with pytest.raises(ValueError, match="model: no parameter requires gradients"):
        train(build().requires_grad_(False), None, param_groups=None)
    for groups, message in [
        ([{"params": [model[0].weight], "lr_scale": 1.0}], "expected trainable parameters"),
        ([{"params": [model[4].bias, model[4].bias], "lr_scale": 1.0}], "each in one group at most"),
        ([{"params": [model[4].bias]}], "expected params and a positive lr_scale"),
        ([{"params": [model[4].bias], "lr_scale": 0}], "expected params and a positive lr_scale"),
    ]:
        with pytest.raises(ValueError, match=f"param_groups: .*{message}"):
            train(model, None, param_groups=groups)
