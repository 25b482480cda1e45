"""The recorded question: rounded as measured, and the static picture holds examples, prompt, answers."""

import re

import pytest
import torch

from vlm_lib.interactive.pica_prompt import Case, Example, Group, pica_prompt

DRAWINGS = torch.zeros(5, 3, 8, 8, dtype=torch.uint8)
ANSWERS = ["sea", "farm", "railway station", "sky", "bank", "street", "garden of herbs here"]


def group(first="sea", row=1):
    return Group([Example(row, "crab", "Where?", first)], f"Q: Where?\nA: {first}", [(first, -0.5, -0.5)])


def case(drawing=0, **choices):
    choices = choices or {"random": [group()], "by both": [group("farm"), group("sky", 2)]}
    return Case(
        drawing, "Where is it?", "farm", "fish, crab", choices, {"sum": "farm"}, {"random": None, "by both": "sea"}
    )


def test_a_group_keeps_the_likeliest_answers_and_the_best_per_token():
    log_probs = torch.tensor([-1.0, -0.504, -3.0, -4.0, -2.0, -5.0, -6.0])
    lengths = torch.tensor([1, 1, 2, 1, 1, 1, 24])
    kept = Group.of([], "", ANSWERS, log_probs, lengths).answers
    assert [name for name, _, _ in kept] == [
        "farm",
        "sea",
        "bank",
        "railway station",
        "sky",
        "garden of herbs here",
    ]
    assert kept[0] == ("farm", -0.5, -0.5)
    assert kept[3] == ("railway station", -3.0, -1.5)


def test_the_static_picture_holds_examples_prompt_and_answers():
    html = pica_prompt([case()], DRAWINGS).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    assert "Q: Where?\nA: farm" in static
    assert "farm (right)" in static
    assert static.count("<img") == 2


def test_only_the_pictures_that_are_shown_travel():
    html = pica_prompt([case(3)], DRAWINGS).html
    pictures = re.search(r'"pictures": \{(.*?)\}', html)[1]
    assert re.findall(r'"(\d)":', pictures) == ["1", "2", "3"]


def test_cases_that_differ_in_their_choices_are_refused():
    with pytest.raises(ValueError, match="alike in choices"):
        pica_prompt([case(), case(random=[group()])], DRAWINGS)
    with pytest.raises(ValueError, match="one or more"):
        pica_prompt([], DRAWINGS)
    with pytest.raises(ValueError, match="drawings"):
        pica_prompt([case()], DRAWINGS[:, :1])
