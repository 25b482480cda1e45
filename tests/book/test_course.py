"""What a teacher plans with is read from chapters, sheets and checkers."""

import course
import jupytext
import nbformat
import pytest
from pairs import ROOT, chapters

SHEETS = sorted((ROOT / "notebooks" / "exercises").glob("*.md"))


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_every_chapter_states_goals_and_what_it_took(path):
    assert len(course.goals(jupytext.read(path).cells[0].source)) >= 3
    assert course.seconds(nbformat.read(path.with_suffix(".ipynb"), as_version=4)) > 0


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.stem)
def test_every_task_of_a_sheet_has_its_misconceptions(sheet):
    text = sheet.read_text()
    found = course.misconceptions(text)
    assert len(found) == text.count("\n## Task") - text.count("marked by your teacher)")
    assert all(len(messages) >= 2 for _, messages in found)


def test_the_seconds_are_those_of_the_last_output():
    cells = [
        nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text="it took 3 s\n")]),
        nbformat.v4.new_code_cell(
            "2",
            outputs=[
                nbformat.v4.new_output(
                    "display_data", {"text/markdown": "This chapter took 4 minutes, 138 s of processor time."}
                )
            ],
        ),
    ]
    assert course.seconds(nbformat.v4.new_notebook(cells=cells)) == 138
    assert course.seconds(nbformat.v4.new_notebook(cells=cells[:1])) == 3
    assert course.seconds(nbformat.v4.new_notebook()) is None


def test_goals_are_the_items_of_the_head():
    text = "# A\n\nAfter this chapter you can\n\n- do this,\n  and that;\n- do more.\n\n**Settles** nothing."
    assert course.goals(text) == ["do this, and that", "do more"]
