"""The recorded conversation: the judges' own scores and choices, and the static picture holds the lines."""

import re

import pytest
import torch

from vlm_lib.interactive.conversation import Exchange, conversation, exchange

PICTURES = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
SPACE = {"cat": [1.0, 0.0], "dog": [0.0, 1.0], "fox": [0.6, 0.8]}
looks_like = lambda *image: lambda texts: torch.tensor([SPACE[text] for text in texts]) @ torch.tensor(image)  # noqa: E731
SAME = {"same": looks_like(0.0, 1.0)}


def test_an_exchange_keeps_each_text_once_with_every_judges_score():
    judges = SAME | {"blind": looks_like(0.0, 0.0)}
    got = exchange("a pet", ["cat", "", "fox", "cat", "dog"], judges, lambda text: text == "fox")
    assert got.candidates == ["cat", "fox", "dog"]
    assert got.hits == [False, True, False]
    assert got.scores == {"same": [0.0, 0.8, 1.0], "blind": [0.0, 0.0, 0.0]}
    assert (got.caption("same"), got.caption("blind"), got.caption(None)) == ("dog", "cat", "cat")


def test_nothing_said_is_refused():
    with pytest.raises(ValueError, match="candidates"):
        exchange("a pet", ["", ""], SAME, bool)


def test_the_static_picture_holds_what_was_told_written_and_chosen():
    each = {"own": exchange("a <pet>", ["cat", "dog"], SAME, bool)}
    html = conversation([each, each], PICTURES, ["dog", "cat"]).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    assert "a &lt;pet&gt;" in static
    assert static.count("<b>dog</b>") == 2


def test_what_does_not_match_is_refused():
    one = {"own": Exchange("a", ["cat"], [True], {"same": [1.0]})}
    with pytest.raises(ValueError, match="1, 2 pictures, 1 names"):
        conversation([one], PICTURES, ["cat"])
    other = {"own": Exchange("a", ["cat"], [True], {"another": [1.0]})}
    with pytest.raises(ValueError, match="versions or judges differ"):
        conversation([one, other], PICTURES, ["cat", "dog"])
