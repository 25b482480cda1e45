"""The two gates in a real browser: threshold and number by keyboard, the curves, the trained models' units."""

import math

import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, opened, state

from vlm_lib.interactive.two_gates import Recorded, Setting, two_gates
from vlm_lib.models.srau import gates

pytestmark = pytest.mark.browser

TAUS = (0.0, 0.2, 0.6)
TRUTH = ["a small red ring ."]


def model(formula):
    settings = [
        Setting(tau, [[tau, 1 - tau, 0.0, 0.0], [0.0, 1 - tau, 0.0, tau]], 1 + tau, ["a ring ."]) for tau in TAUS
    ]
    return Recorded(formula, 0.2, settings)


SHOWN = two_gates(
    {"paper": model("state"), "released": model("learned"), "normalised": model("normalized")},
    torch.full((1, 3, 8, 8), 90, dtype=torch.uint8),
    TRUTH,
    start=0.2,
)


@pytest.fixture
def page(browser):
    with opened(browser, SHOWN) as page:
        yield page


def slopes(number, tau, normalized):
    at = torch.tensor(number, dtype=torch.float64, requires_grad=True)
    return [float(torch.autograd.grad(g, at, retain_graph=True)[0]) for g in gates(at, tau, normalized=normalized)]


@pytest.mark.parametrize("name", ["paper", "released", "normalised"])
def test_gates_and_slopes_are_those_of_the_library(page, name):
    page.get_by_role("radio", name=name).check()
    numbers = page.get_by_role("slider", name="Number of one unit")
    for number in (-3.0, -1.0, 0.5, 2.4):
        numbers.fill(str(number))
        now = state(page)
        image, text = (float(g) for g in gates(torch.tensor(number), 0.2, normalized=name == "normalised"))
        image_slope, text_slope = slopes(number, 0.2, name == "normalised")
        if name == "released":
            image, text, image_slope, text_slope = text, image, text_slope, image_slope
        got = (now["image"], now["text"], now["imageSlope"], now["textSlope"])
        assert got == pytest.approx((image, text, image_slope, text_slope), abs=1e-6)


def test_a_shut_image_gate_leaves_a_slope_unless_normalised(page):
    assert state(page)["open"] == "takes the text only"
    assert "still has a slope" in page.locator(".vlm-unit").inner_text()
    page.get_by_role("radio", name="normalised").check()
    assert "No gate has a slope" in page.locator(".vlm-unit").inner_text()


def test_the_threshold_answers_to_the_keyboard_and_above_one_half_both_are_shut(page):
    page.get_by_role("slider", name="Number of one unit").fill("0")
    page.get_by_role("slider", name="Threshold").focus()
    page.keyboard.press("End")
    now = state(page)
    assert (now["tau"], now["image"], now["text"]) == (0.6, 0, 0)
    assert "erased" in now["open"]
    assert now["nats"] == pytest.approx(1.6)
    assert "neither 60 %" in page.locator(".vlm-blocks").inner_text()


def test_a_curve_is_cut_where_a_gate_jumps(page):
    def right_ends(of):
        points = page.locator(f"svg >> nth=0 >> polyline.vlm-{of}").evaluate_all(
            "lines => lines.map(l => l.getAttribute('points').trim().split(' ').length)"
        )
        return len(points)

    assert right_ends("image") == right_ends("text") == 2
    page.get_by_role("slider", name="Threshold").fill("0")
    assert right_ends("image") == right_ends("text") == 1
    assert math.isclose(state(page)["image"], 1 / (1 + math.exp(2)), abs_tol=1e-6)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 1)
