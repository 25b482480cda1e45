"""The gates against the paper's formula and the released code's, both written out unit by unit."""

import math

import pytest
import torch

from vlm_lib.models.srau import FUSIONS, Added, LearnedGates, StateGates, closing_point, gates, make_fusion


def by_formula(h, tau, normalized):
    """(image, text) of one unit, in plain numbers."""
    share = 1 / (1 + math.exp(-h))
    image = share if share > tau else 0.0
    text = 1 - share if 1 - share > tau else 0.0
    total = image + text
    return (image / total, text / total) if normalized and total else (image, text)


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("tau", [0.0, 0.2, 0.45, 0.7])
def test_gates_follow_the_formula(tau, normalized):
    h = torch.linspace(-6, 6, 41, dtype=torch.float64)
    expected = torch.tensor([by_formula(float(x), tau, normalized) for x in h], dtype=torch.float64)
    got = torch.stack(gates(h, tau, normalized=normalized), dim=1)
    torch.testing.assert_close(got, expected)


def test_below_one_half_a_gate_is_always_open_and_above_it_both_can_be_shut():
    h = torch.linspace(-8, 8, 1001)
    for tau, ever_both_shut in ((0.0, False), (0.2, False), (0.49, False), (0.6, True)):
        image, text = gates(h, tau)
        assert bool(((image == 0) & (text == 0)).any()) is ever_both_shut


def test_the_closing_point_is_where_a_gate_shuts():
    for tau in (0.05, 0.2, 0.4):
        at = closing_point(tau)
        image, text = gates(torch.tensor([-at - 1e-3, -at + 1e-3, at - 1e-3, at + 1e-3]), tau)
        assert (image > 0).tolist() == [False, True, True, True]
        assert (text > 0).tolist() == [True, True, True, False]
    assert closing_point(0.0) == math.inf


def test_a_shut_gate_has_no_gradient_and_the_other_one_has_unless_they_are_normalized():
    for normalized, alive in ((False, True), (True, False)):
        h = torch.tensor([-2.0, 2.0], requires_grad=True)
        image, text = gates(h, 0.2, normalized=normalized)
        shut = image[0] + text[1]
        still_open = text[0] + image[1]
        assert torch.autograd.grad(shut, h, retain_graph=True)[0].abs().max() < 1e-6
        moved = torch.autograd.grad(still_open, h)[0].abs() > 1e-3
        assert moved.tolist() == [alive, alive]


def released(text, image, weight, bias, tau):
    """The authors' lines, one unit at a time."""
    out = torch.empty_like(text)
    for row in range(text.shape[1]):
        both = torch.cat([text[0, row], image[0, row]])
        for unit in range(text.shape[2]):
            alpha = 1 / (1 + math.exp(-(float(weight[unit] @ both) + float(bias[unit]))))
            stays = alpha * text[0, row, unit] if alpha > tau else 0.0
            comes = (1 - alpha) * image[0, row, unit] if alpha < 1 - tau else 0.0
            out[0, row, unit] = stays + comes
    return out


def test_learned_gates_are_the_released_code():
    torch.manual_seed(0)
    fusion = LearnedGates(5)
    torch.nn.init.normal_(fusion.number.weight)
    text, image = torch.randn(1, 7, 5), torch.randn(1, 7, 5)
    with torch.no_grad():
        expected = released(text, image, fusion.number.weight, fusion.number.bias, 0.2)
        torch.testing.assert_close(fusion(text, image), expected)


def test_state_gates_weigh_image_and_text_by_the_state():
    text, image = torch.tensor([[[-2.0, 0.0, 2.0]]]), torch.tensor([[[5.0, 5.0, 5.0]]])
    sure, half = 1 / (1 + math.exp(-2)), 0.5
    expected = torch.tensor([[[sure * -2.0, half * 5.0, sure * 5.0]]])
    torch.testing.assert_close(StateGates(0.2)(text, image), expected)
    torch.testing.assert_close(Added()(text, image), text + image)


def test_every_fusion_keeps_the_shape_and_sends_a_gradient_to_both_sides():
    for name in FUSIONS:
        text, image = (torch.randn(2, 3, 8, requires_grad=True) for _ in range(2))
        out = make_fusion(name, 8)(text, image)
        assert out.shape == text.shape
        for side in torch.autograd.grad(out.square().sum(), (text, image)):
            assert side.abs().max() > 0


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="tau: got 1.0"):
        StateGates(1.0)
    with pytest.raises(ValueError, match="tau: got -0.1"):
        gates(torch.zeros(2), -0.1)
    with pytest.raises(ValueError, match="fusion: got 'srua'"):
        make_fusion("srua", 4)
    with pytest.raises(ValueError, match="text has shape"):
        LearnedGates(4)(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3))
