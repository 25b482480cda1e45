"""The tools behind `make run` and `make set-url`, and the chapter checks: each rule is seen to be broken."""

import os
import subprocess
import sys
import time

import chapter_rules
import jupytext
import lock
import nbformat
import output_rules
import pairs
import pytest
import run_notebooks
from pairs import ROOT

CHAPTER = """---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# 61 Small

Text.

```{code-cell} ipython3
from vlm_lib import small
print(small.VALUE)
```
"""


@pytest.fixture
def tree(tmp_path):
    """A tree with one chapter and a library of two files, of which the chapter reaches one."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "vlm_lib").mkdir()
    (tmp_path / "vlm_lib" / "__init__.py").write_text("")
    (tmp_path / "vlm_lib" / "small.py").write_text("VALUE = 1\n")
    (tmp_path / "vlm_lib" / "other.py").write_text("VALUE = 2\n")
    (tmp_path / "notebooks" / "61_small.md").write_text(CHAPTER)
    (tmp_path / "book" / "_template").mkdir(parents=True)
    (tmp_path / "book" / "_template" / "install_cell.py").write_text("from vlm_lib import install\n")
    return tmp_path


@pytest.fixture
def chapter(tree):
    """The chapter, with an .ipynb half that was made from its present state."""
    path = tree / "notebooks" / "61_small.md"
    notebook = run_notebooks.refresh_text(path)
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="1\n")]
    notebook.metadata[pairs.HASH_KEY] = {"executed_from": pairs.state_hash(path, tree)}
    run_notebooks.save(notebook, path.with_suffix(".ipynb"))
    return path


def test_a_chapter_is_stale_after_a_change_that_can_alter_its_outputs(chapter, tree):
    assert not pairs.is_stale(chapter, tree)
    (tree / "vlm_lib" / "other.py").write_text("VALUE = 3\n")
    assert not pairs.is_stale(chapter, tree)
    chapter.write_text(CHAPTER.replace("Text.", "Other text."))
    assert not pairs.is_stale(chapter, tree)
    (tree / "vlm_lib" / "small.py").write_text("VALUE = 4\n")
    assert pairs.is_stale(chapter, tree)


def test_a_change_of_a_file_that_is_imported_through_another_makes_the_chapter_stale(chapter, tree):
    (tree / "vlm_lib" / "small.py").write_text("from vlm_lib.other import VALUE\n")
    before = pairs.state_hash(chapter, tree)
    (tree / "vlm_lib" / "other.py").write_text("VALUE = 3\n")
    assert pairs.state_hash(chapter, tree) != before


def test_changed_prose_reaches_the_executed_half_and_keeps_its_outputs(chapter, tree):
    chapter.write_text(CHAPTER.replace("Text.", "Other text."))
    assert chapter_rules.halves_differ(chapter)
    assert run_notebooks.update(chapter, force=False, root=tree) == "unchanged code, outputs kept"
    executed = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4)
    assert "Other text." in executed.cells[0].source
    assert executed.cells[1].outputs[0].text == "1\n"
    assert chapter_rules.halves_differ(chapter) == []


def test_pairing_in_jupyter_keeps_what_the_checks_need(chapter, tree):
    (tree / "jupytext.toml").write_text((ROOT / "jupytext.toml").read_text())
    notebook = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4)
    notebook.metadata["vlm"] = {"ledger": ["Q14"]}
    text = jupytext.writes(notebook, fmt="md:myst", config=jupytext.config.load_jupytext_config(str(chapter)))
    assert "ledger: [Q14]" in text
    assert "executed_from" not in text
    assert "jupytext_version" not in text


CAPTION = "A caption that is too long for a line of YAML as jupytext writes it, that has eighty characters."
FIGURE = f"""
```{{code-cell}} ipython3
---
mystnb:
  figure:
    caption: {CAPTION}
    name: a-figure
---
print(small.VALUE)
```
"""


def test_saving_in_jupyter_changes_nothing_after_an_update(chapter, tree):
    (tree / "jupytext.toml").write_text((ROOT / "jupytext.toml").read_text())
    chapter.write_text(CHAPTER + FIGURE)
    executed_half = chapter.with_suffix(".ipynb")
    notebook = run_notebooks.refresh_text(chapter)
    notebook.metadata[pairs.HASH_KEY] = {"executed_from": pairs.state_hash(chapter, tree)}
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}  # a kernel writes it
    run_notebooks.save(notebook, executed_half)
    assert run_notebooks.update(chapter, force=False, root=tree) == "unchanged code, outputs kept"
    text = chapter.read_text()
    assert CAPTION in " ".join(text.split())
    os.utime(executed_half, (time.time() + 5,) * 2)  # as after an edit in JupyterLab
    subprocess.run([sys.executable, "-m", "jupytext", "--sync", executed_half], check=True, capture_output=True)
    assert chapter.read_text() == text


@pytest.mark.parametrize("path", pairs.chapters(), ids=lambda path: path.stem)
def test_the_text_half_stands_as_jupyter_would_save_it(path):
    assert path.read_text() == pairs.as_jupyter_writes(path), "make run wraps it"


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("missing_sections", lambda text: text),
        ("wide_code", lambda text: text + f"\n```{{code-cell}} ipython3\n# {'x' * 83}\n```\n"),
        ("long_cells", lambda text: text.replace("print(", "x = 1\n" * 31 + "print(")),
        ("hot_links", lambda text: text + "\n![a picture](https://example.org/a.png)\n"),
        ("hot_links", lambda text: text + '\n<img src="https://example.org/a.png">\n'),
        ("silent_code", lambda text: text + "\n```{code-cell} ipython3\n1\n```\n"),
    ],
)
def test_each_rule_of_a_chapter_can_be_broken(chapter, check, change):
    chapter.write_text(change(CHAPTER))
    assert getattr(chapter_rules, check)(chapter) != []


def test_a_chapter_of_the_first_edition_is_not_asked_for_the_new_sections(chapter):
    sections = [title for title in chapter_rules.SKELETON if title not in ("See it work", "The notes, answered")]
    body = CHAPTER + "".join(f"\n## {title}: more\n" for title in sections)
    chapter.write_text(body)
    assert len(chapter_rules.missing_sections(chapter)) == 2
    chapter.write_text(body.replace("kernelspec:", "vlm:\n  edition: 1\nkernelspec:"))
    assert chapter_rules.missing_sections(chapter) == []
    chapter.write_text(body.replace("## Parity: more", "## Unity: more"))
    assert any("'Parity'" in found for found in chapter_rules.missing_sections(chapter))


def test_rules_of_a_chapter_pass_where_nothing_is_wrong(chapter):
    for check in (
        chapter_rules.long_cells,
        chapter_rules.hot_links,
        chapter_rules.silent_code,
        chapter_rules.wide_code,
        output_rules.bad_outputs,
        output_rules.wide_prints,
        output_rules.plots_without_alt,
        output_rules.far_from_a_picture,
    ):
        assert check(chapter) == []


def test_first_cell_is_compared_with_the_template(chapter):
    assert chapter_rules.wrong_first_cell(chapter)
    chapter.write_text(
        CHAPTER.replace(
            "```{code-cell}", "```{code-cell} ipython3\nfrom vlm_lib import install\n```\n\n```{code-cell}"
        )
    )
    assert chapter_rules.wrong_first_cell(chapter) == []


def test_requirements_are_what_make_lock_writes():
    assert (ROOT / "requirements.txt").read_text() == lock.lock()


def test_progress_bars_are_not_stored_and_other_widgets_are():
    def shown(text):
        data = {run_notebooks.VIEW: {"model_id": "1"}, "text/plain": text}
        return nbformat.v4.new_output("display_data", data)

    bar, lab = (
        shown("the small CLIP:   0%|          | 0/120 [00:00<?, ?it/s]"),
        shown("VBox(children=(Text(value='a'),))"),
    )
    printed = nbformat.v4.new_output("stream", text="100%| done 3/3")
    only_bar, both = (nbformat.v4.new_code_cell("1", outputs=outputs) for outputs in ([bar], [bar, lab, printed]))
    notebook = nbformat.v4.new_notebook(cells=[only_bar], metadata={"widgets": {"state": {}}})
    run_notebooks.drop_progress_bars(notebook)
    assert notebook.cells[0].outputs == []
    assert "widgets" not in notebook.metadata
    notebook = nbformat.v4.new_notebook(cells=[both], metadata={"widgets": {"state": {}}})
    run_notebooks.drop_progress_bars(notebook)
    assert notebook.cells[0].outputs == [lab, printed]
    assert "widgets" in notebook.metadata
