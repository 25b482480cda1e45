"""Finding what was handed in: files and folders with names of every kind."""

import os
import random
from pathlib import Path

import pytest

from vlm_lib.grading.files import child, key_of, shown, write_whole
from vlm_lib.grading.intake import SubmissionError
from vlm_lib.grading.submissions import collect, find_notebook, read_bytes

NAMES = [
    *[b"Andr\xe9", "李雷".encode(), "李 雷".encode(), "é".encode(), "\u202egnp".encode(), "a\u2028b".encode()],
    *[b"=cmd|' C calc'!A0", b"+1", b"-rf", b"@x", b"a\nb", b"a\x1b[31m", b"a:b?c*[d]", b" ", b"~", b"\\..\\a"],
    *[b"x" * 249, "李".encode() * 83],
]


def random_names(count):
    draw = random.Random(0)
    letters = bytes(set(range(1, 256)) - set(b"/."))
    return [bytes(draw.choices(letters, k=draw.randint(1, 249))) for _ in range(count)]


def test_submissions_are_files_or_folders_and_none_shadows_another(tmp_path):
    (tmp_path / "ann").mkdir()
    for name in ("ann.ipynb", "李 雷.ipynb", ".DS_Store"):
        (tmp_path / name).write_text("{}")
    found = collect(tmp_path)
    assert [entry.student for entry in found] == ["ann", "ann", "李 雷"]
    assert [entry.path.name for entry in found] == ["ann", "ann.ipynb", "李 雷.ipynb"]
    assert len({entry.key for entry in found}) == 3
    assert [len(entry.notes) for entry in found] == [1, 1, 0]
    assert "two submissions have this name; this is ann.ipynb" in found[1].notes


def test_a_name_of_any_kind_gives_one_line_of_text_and_files_of_its_own(tmp_path):
    names = [*NAMES, *random_names(200)]
    for name in names:
        (tmp_path / os.fsdecode(name + b".ipynb")).write_text("{}")
    found = collect(tmp_path)
    assert len(found) == len(set(names))
    assert len({entry.key.casefold() for entry in found}) == len(found)
    for entry in found:
        assert entry.student.encode().decode().splitlines() == [entry.student]
        assert "\x1b" not in entry.student
        write_whole(child(tmp_path / "out", f"{entry.key}.ipynb"), "x")
        assert read_bytes(find_notebook(entry.path, "toy")[0]) == b"{}"
    assert len(os.listdir(tmp_path / "out")) == len(found)


def test_names_are_shown_and_kept_as_they_are_where_they_can_be():
    assert shown("李雷") == key_of("李雷") == "李雷"
    assert shown(os.fsdecode(b"Andr\xe9")) == "Andr\\xe9"
    assert shown("a\nb") == "a\\nb"
    assert key_of("Ann Lee") == "Ann Lee"
    assert key_of("a/b") != key_of("a_b") == "a_b"
    assert "/" not in key_of("a/b")


def folder(path: Path, *files: str) -> Path:
    for file in files:
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        (path / file).write_text("{}")
    return path


def test_the_notebook_is_found_in_a_folder_by_name_or_because_it_is_the_only_one(tmp_path):
    hidden = ".ipynb_checkpoints/toy-checkpoint.ipynb"
    path, notes = find_notebook(folder(tmp_path / "a", "mine.ipynb", hidden), "toy")
    assert (path.name, notes) == ("mine.ipynb", ["the file is named mine.ipynb, the sheet toy_student.ipynb"])
    path, notes = find_notebook(folder(tmp_path / "b", "zip/toy_student.ipynb", "scratch.ipynb"), "toy")
    assert path.name == "toy_student.ipynb"
    assert notes == ["the folder holds scratch.ipynb, zip/toy_student.ipynb; graded: toy_student.ipynb"]
    assert find_notebook(folder(tmp_path / "c", "toy_student.ipynb"), "toy")[1] == []


@pytest.mark.parametrize(
    "files",
    [
        ["x.ipynb", "y.ipynb"],
        ["toy_student.ipynb", "toy_student (1).ipynb"],
        ["toy_student.ipynb", "toy_student-Copy1.ipynb"],
        [".ipynb_checkpoints/toy-checkpoint.ipynb"],
    ],
)
def test_of_several_notebooks_none_is_chosen_silently(tmp_path, files):
    with pytest.raises(SubmissionError, match=r"the folder holds .*; expected one notebook") as refused:
        find_notebook(folder(tmp_path / "ann", *files), "toy")
    for file in files:
        assert file in str(refused.value) or file.startswith(".")


def test_what_is_no_readable_notebook_is_refused_with_the_reason(tmp_path):
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "nowhere")
    (tmp_path / "text.txt").write_text("x")
    (tmp_path / "folder.ipynb" / "inner.ipynb").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe.ipynb")
    for name, words in [
        ("link.ipynb", "a link to nothing"),
        ("text.txt", "text.txt is no notebook"),
        ("folder.ipynb", "no notebook at all"),
        ("pipe.ipynb", "pipe.ipynb is no notebook"),
    ]:
        with pytest.raises(SubmissionError, match=words):
            find_notebook(tmp_path / name, "toy")
    with pytest.raises(SubmissionError, match="cannot be read: No such file"):
        read_bytes(tmp_path / "gone.ipynb")
