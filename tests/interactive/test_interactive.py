"""Interactive figures before a browser sees them: what they hold and what they refuse."""

import json
import re
from importlib.resources import files

import pytest
import torch

from vlm_lib.interactive import (
    Option,
    Question,
    figure,
    mask_explorer,
    quiz,
    similarity_matrix,
)

OPTIONS = [Option("yes", True, "Because `phi` counts."), Option("no", False, "It does not < so.")]
QUESTIONS = [Question(f"Is it {n}?", OPTIONS) for n in range(3)]


def figures():
    return [
        quiz(QUESTIONS),
        mask_explorer(),
        similarity_matrix(torch.eye(2), ["a", "b"], ["c", "d"]),
    ]


@pytest.mark.parametrize("shown", figures(), ids=["quiz", "masks", "similarity"])
def test_figures_stand_alone(shown):
    html = shown._repr_html_()
    assert not re.search(r"https?://|\bsrc=|@import|url\(|fetch\(", html)
    assert html.count("<script") == html.count("</script>") == 2
    assert '<div class="vlm-live" hidden>' in html
    assert 'data-theme="dark"' in html
    assert 'data-jp-theme-light="false"' in html
    assert shown.alt in html
    assert repr(shown) == f"[{shown.alt}]"


def test_ids_depend_on_content_alone():
    assert [shown.html for shown in figures()] == [shown.html for shown in figures()]
    ids = [
        re.search(r'id="(vlm-[0-9a-f]{10})"', shown.html)[1] for shown in [*figures(), mask_explorer("<image> a")]
    ]
    assert len(set(ids)) == 4


@pytest.mark.parametrize("asset", [a.name for a in files("vlm_lib.interactive").joinpath("assets").iterdir()])
def test_assets_cannot_end_their_own_element(asset):
    text = files("vlm_lib.interactive").joinpath("assets", asset).read_text()
    assert not re.search(r"</(script|style)", text, flags=re.IGNORECASE)


def test_config_cannot_end_its_script():
    html = mask_explorer("</script> <image>").html
    data = re.search(r'class="vlm-config">(.*?)</script>', html, flags=re.DOTALL)[1]
    assert json.loads(data)["sequence"] == "</script> <image>"


def test_static_quiz_gives_every_answer_in_a_folded_part():
    html = quiz(QUESTIONS).html
    static = html.split('<div class="vlm-live"')[0]
    assert static.count("<details>") == 3
    assert static.count("Because <code>phi</code> counts.") == static.count("It does not &lt; so.") == 3


def shown_options(questions):
    """The options of each question in the order of the page, from the figure's data; True where one is right."""
    data = re.search(r'class="vlm-config">(.*?)</script>', quiz(questions).html, flags=re.DOTALL)[1]
    return [
        [(option["text"], option["correct"]) for option in q["options"]] for q in json.loads(data)["questions"]
    ]


def many_questions(first):
    """Questions whose right option stands first in the source, or last."""
    options = [Option("right", True, "Yes."), Option("wrong", False, "No."), Option("also wrong", False, "No.")]
    return [Question(f"Question {n}?", options if first else options[::-1]) for n in range(60)]


def test_right_answers_stand_in_no_fixed_place():
    quizzes = [many_questions(True)[n : n + 3] for n in range(0, 60, 3)]
    places = [
        [right.index(True) for right in ([c for _, c in q] for q in shown_options(quiz))] for quiz in quizzes
    ]
    assert all(len(set(of_a_quiz)) > 1 for of_a_quiz in places)
    counts = [sum(of_a_quiz.count(place) for of_a_quiz in places) for place in range(3)]
    assert min(counts) > 10


def test_the_order_of_options_depends_on_their_texts_alone():
    assert shown_options(many_questions(True)[:4]) == shown_options(many_questions(False)[:4])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "no_such"}, "name is 'no_such'"),
        ({"static": " "}, "static is empty"),
        ({"alt": ""}, "alt is empty"),
    ],
)
def test_figure_refuses_what_leaves_readers_out(changes, message):
    with pytest.raises(ValueError, match=message):
        figure(**({"name": "quiz", "config": {}, "static": "<p>x</p>", "alt": "x"} | changes))


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", OPTIONS, "text of a question is empty"),
        ("Q?", OPTIONS[:1], "expected two or more that differ"),
        ("Q?", [OPTIONS[0], OPTIONS[0]], "expected two or more that differ"),
        ("Q?", [OPTIONS[1], Option("maybe", False, "No.")], "hold 0 correct ones"),
        ("Q?", [OPTIONS[0], Option("maybe", True, "Also.")], "hold 2 correct ones"),
        ("Q?", [OPTIONS[0], Option("maybe", False, " ")], "'maybe' needs a text and a feedback"),
        ("Q?", [OPTIONS[0], Option("", False, "No.")], "'' needs a text and a feedback"),
    ],
)
def test_bad_questions_are_refused(text, options, message):
    with pytest.raises(ValueError, match=message):
        Question(text, options)


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        (QUESTIONS[:2], "has 2 entries"),
        ([*QUESTIONS, *QUESTIONS], "has 6 entries"),
        ([QUESTIONS[0]] * 3, "to differ"),
    ],
)
def test_bad_quizzes_are_refused(questions, message):
    with pytest.raises(ValueError, match=message):
        quiz(questions)
