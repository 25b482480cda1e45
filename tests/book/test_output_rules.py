"""The rules of a chapter's stored outputs: each is seen to be broken, and kept."""

import nbformat
import output_rules
import pytest
import run_notebooks
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

PLOT = new_output("display_data", {"image/svg+xml": "<svg/>", "text/plain": "Figure"})


def chapter(folder, *cells):
    """A text half whose other half holds the cells; the rules of outputs read that one alone."""
    path = folder / "61_small.ipynb"
    numbered = [nbformat.from_dict({**cell, "id": f"cell-{number}"}) for number, cell in enumerate(cells)]
    run_notebooks.save(nbformat.v4.new_notebook(cells=numbered), path)
    return path.with_suffix(".md")


def printing(text, name="stdout"):
    return new_code_cell("1", outputs=[new_output("stream", name=name, text=text)])


def html(text):
    return new_code_cell("1", outputs=[new_output("display_data", {"text/html": text})])


def test_stored_errors_and_warnings_are_found(tmp_path):
    path = chapter(tmp_path, printing("a warning", "stderr"))
    assert output_rules.bad_outputs(path) == ["61_small.ipynb, cell 0: stored stderr output"]


def test_a_notebook_that_grew_too_large_is_found(tmp_path):
    assert len(output_rules.bad_outputs(chapter(tmp_path, printing("x" * 1_500_000)))) == 1


@pytest.mark.parametrize(("columns", "found"), [(90, 0), (91, 1)])
def test_wide_prints_are_found(tmp_path, columns, found):
    assert len(output_rules.wide_prints(chapter(tmp_path, printing("short\n" + "x" * columns)))) == found


def test_plots_need_an_alt_text(tmp_path):
    described = new_code_cell("1", outputs=[PLOT], metadata={"mystnb": {"image": {"alt": "Loss falls"}}})
    assert output_rules.plots_without_alt(chapter(tmp_path, described)) == []
    assert (
        len(output_rules.plots_without_alt(chapter(tmp_path, described, new_code_cell("1", outputs=[PLOT])))) == 1
    )


PICTURES = {
    "plot": new_code_cell("1", outputs=[PLOT]),
    "card": html("<figure></figure>"),
    "drawing": html("<svg></svg>"),
    "image in the text": new_markdown_cell("![A map](map.svg)"),
}
NOT_PICTURES = {
    "table": html("<table></table>"),
    "text": new_markdown_cell("Nothing to see."),
    "print": printing("1"),
}


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_every_two_screens(tmp_path, picture):
    eight = [printing("1")] * 8
    assert output_rules.far_from_a_picture(chapter(tmp_path, *eight, PICTURES[picture], *eight)) == []


@pytest.mark.parametrize("other", NOT_PICTURES)
def test_nine_cells_without_a_picture_are_found_with_their_section(tmp_path, other):
    cells = [new_markdown_cell("## Parity"), *[printing("1")] * 8, NOT_PICTURES[other], printing("1")]
    found = output_rules.far_from_a_picture(chapter(tmp_path, *cells))
    assert len(found) == 1
    assert found[0].endswith("without a picture, in 'Parity'")


def test_long_prose_without_a_picture_is_found_and_exercises_are_left_out(tmp_path):
    text = new_markdown_cell("word " * 601)
    assert len(output_rules.far_from_a_picture(chapter(tmp_path, text))) == 1
    assert output_rules.far_from_a_picture(chapter(tmp_path, new_markdown_cell("## Exercises"), text)) == []
