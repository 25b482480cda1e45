"""Days put into words: the lines, the questions with their answers, and what a reader without words would say."""

import pytest
import torch

from vlm_lib.data.attributes import COLOURS, SHAPES
from vlm_lib.data.days import days
from vlm_lib.prompting import day_log
from vlm_lib.prompting.day_log import OBJECTS, Seen

DAY = [Seen("red", "circle"), Seen("blue", "star"), Seen("pink", "ring")]
LOG = "08:00 The red object is a circle.\n09:00 The blue object is a star.\n10:00 The pink object is a ring."


def test_the_log_has_a_line_per_moment():
    assert day_log.log(DAY) == LOG


def test_a_question_stands_behind_the_log_and_ends_before_its_answer():
    assert day_log.question(DAY, "blue") == f"{LOG}\nQ: What is the blue object?\nA: The blue object is a"
    after = day_log.question(DAY, "red", "after")
    assert after.endswith("\nA: Right after the red object I saw a")
    assert day_log.look_up(DAY, "blue") == "star"
    assert day_log.look_up(DAY, "red", "after") == "star"


def test_steps_stand_between_the_question_and_the_same_cue():
    thinking = day_log.steps_prompt(DAY, "red", "after")
    assert thinking.endswith("Q: What did I see right after the red object?\nA: Let's think step by step.")
    whole = day_log.after_steps(thinking, "  First.\n", "red", "after")
    assert whole == f"{thinking} First.\nSo right after the red object I saw a"


def test_true_steps_name_the_answer_where_two_steps_lead_there():
    assert "09:00, and there the blue object is a star." in day_log.true_steps(DAY, "red", "after")
    assert "09:00" in day_log.true_steps(DAY, "blue")


def test_an_example_is_answered_and_worked_only_if_asked():
    plain, worked = (day_log.example(DAY, "red", "after", worked=w) for w in (False, True))
    assert plain == f"{day_log.question(DAY, 'red', 'after')} star.\n\n"
    assert day_log.true_steps(DAY, "red", "after") in worked
    assert worked.endswith("So right after the red object I saw a star.\n\n")


def test_what_the_log_lacks_and_unknown_questions_are_refused():
    with pytest.raises(ValueError, match="green"):
        day_log.look_up(DAY, "green")
    with pytest.raises(ValueError, match="kind"):
        day_log.question(DAY, "red", "why")


def test_forecast_and_summary_go_on_from_the_log():
    assert day_log.forecast(DAY) == f"{LOG}\n11:00 The"
    assert day_log.summary(DAY).startswith(f"{LOG}\nSummary")


def test_objects_are_mentioned_by_colour_and_shape_side_by_side():
    text = "a Red circle, a blue big star and a pink ring. red"
    assert day_log.mentioned(text) == {Seen("red", "circle"), Seen("pink", "ring")}


def likes(*objects):
    """Similarities of a day whose moments show these (shape, colour), with a bit for what shares a colour."""
    rows = []
    for shape, colour in objects:
        own = [(SHAPES[s] == shape) * 0.5 + (COLOURS[c] == colour) * 0.4 for s, c, _ in OBJECTS]
        rows.append(own)
    return torch.tensor(rows)


def test_direct_features_find_the_moment_by_its_colour_and_go_one_further():
    features = likes(("star", "blue"), ("ring", "red"), ("circle", "pink"))
    assert day_log.from_features(features, "red") == "ring"
    assert day_log.from_features(features, "blue", "after") == "ring"
    assert day_log.from_features(features, "red", "after") == "circle"


def test_the_eyes_words_are_the_nearest_captions():
    features = likes(("star", "blue"), ("ring", "red"))[None]
    assert day_log.watch(features) == [[Seen("blue", "star"), Seen("red", "ring")]]


def test_the_zoos_eyes_read_most_clips_rightly():
    from vlm_lib.zoo import tiny_clip

    made = days(8, 7, moments=4)
    read = day_log.watch(day_log.similarities(tiny_clip("scenes"), made))
    pairs = [pair for day in zip(read, day_log.truth(made), strict=True) for pair in zip(*day, strict=True)]
    assert sum(a == b for a, b in pairs) > 0.9 * len(pairs)
