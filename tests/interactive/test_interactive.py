"""Interactive figures before a browser sees them: what they hold, what they refuse, and the lab driven by hand."""

import json
import re
from importlib.resources import files

import pytest
import torch

from vlm_lib.attention.masks import all_previous_images_mask, image_index, last_image_mask
from vlm_lib.interactive import (
    Option,
    Question,
    figure,
    mask_explorer,
    phi_explorer,
    phi_lab,
    quiz,
    similarity_matrix,
)

OPTIONS = [Option("yes", True, "Because `phi` counts."), Option("no", False, "It does not < so.")]
QUESTIONS = [Question(f"Is it {n}?", OPTIONS) for n in range(3)]


def figures():
    return [
        phi_explorer(),
        quiz(QUESTIONS),
        mask_explorer(),
        similarity_matrix(torch.eye(2), ["a", "b"], ["c", "d"]),
    ]


@pytest.mark.parametrize("shown", figures(), ids=["phi_explorer", "quiz", "masks", "similarity"])
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
        re.search(r'id="(vlm-[0-9a-f]{10})"', shown.html)[1] for shown in [*figures(), phi_explorer("<image> a")]
    ]
    assert len(set(ids)) == 5


@pytest.mark.parametrize("asset", [a.name for a in files("vlm_lib.interactive").joinpath("assets").iterdir()])
def test_assets_cannot_end_their_own_element(asset):
    text = files("vlm_lib.interactive").joinpath("assets", asset).read_text()
    assert not re.search(r"</(script|style)", text, flags=re.IGNORECASE)


def test_config_cannot_end_its_script():
    html = phi_explorer("</script> <image>").html
    data = re.search(r'class="vlm-config">(.*?)</script>', html, flags=re.DOTALL)[1]
    assert json.loads(data)["sequence"] == "</script> <image>"


def test_static_picture_of_the_explorer_shows_phi_and_mask():
    html = phi_explorer("a <image> b <image>").html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    rows = re.findall(r"<tr>(.*?)</tr>", static)[1:]
    cells = [re.findall(r"<t[hd][^>]*>([^<]*)<", row) for row in rows]
    assert cells == [
        ["a", "0", "·", "·"],
        ["&lt;image&gt;", "1", "●", "·"],
        ["b", "1", "●", "·"],
        ["&lt;image&gt;", "2", "·", "●"],
    ]


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


@pytest.mark.parametrize("sequence", ["", "  ", "a dog sits", "<image> " + "a " * 24])
def test_explorer_refuses_a_start_that_shows_nothing(sequence):
    with pytest.raises(ValueError, match="sequence is"):
        phi_explorer(sequence)


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


def expected_mask(sequence, build, per_image):
    phi = image_index(torch.tensor([[token == "<image>" for token in sequence.split()]]))
    return phi[0], build(phi, int(phi.max()), per_image)[0]


def test_lab_follows_its_controls():
    lab = phi_lab("a <image> b <image> c")
    phi, mask = expected_mask("a <image> b <image> c", last_image_mask, 1)
    assert torch.equal(lab.phi, phi)
    assert torch.equal(lab.allowed, mask)

    lab.text.value = "<image> <image> x"
    lab.mask.value = "all previous images"
    lab.tokens_per_image.value = 3
    phi, mask = expected_mask("<image> <image> x", all_previous_images_mask, 3)
    assert torch.equal(lab.phi, phi)
    assert torch.equal(lab.allowed, mask)
    assert "15 of 18 pairs" in lab.picture.value
    assert lab.table.value.count("●") == 5
    assert lab.message.value == "<strong></strong>"


@pytest.mark.parametrize(
    ("sequence", "message"),
    [("", "The sequence is empty"), ("a b", "There is no &lt;image&gt;"), ("<image> " * 25, "That is 25 tokens")],
)
def test_lab_says_what_is_wrong_and_recovers(sequence, message):
    lab = phi_lab()
    lab.text.value = sequence
    assert message in lab.message.value
    assert lab.picture.value == lab.table.value == ""
    assert lab.phi is lab.allowed is None
    lab.text.value = "<image> a"
    assert lab.phi.tolist() == [1, 1]
    assert lab.picture.value.startswith("<img alt=")
