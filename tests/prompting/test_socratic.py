"""Propose, write, re-rank: each step by itself, on eyes whose every vector is known."""

from types import SimpleNamespace

import pytest
import torch

from vlm_lib.prompting import socratic
from vlm_lib.prompting.socratic import Eyes, Words

SPACE = {"cat": [1.0, 0.0], "dog": [0.0, 1.0], "fox": [0.6, 0.8], "pets": [0.8, 0.6], "sky": [-1.0, 0.0]}
IMAGES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])


def encode(texts):
    return torch.tensor([SPACE[text] for text in texts])


EYES = Eyes(IMAGES, encode)


def test_the_eyes_choose_the_likeliest_texts_in_order():
    assert EYES.choose([1, 0], ["cat", "fox", "sky"], 2) == [["fox", "cat"], ["cat", "fox"]]
    with pytest.raises(ValueError, match="k"):
        EYES.choose([0], ["cat"], 2)


def test_propose_takes_one_group_two_kinds_and_three_training_names():
    records = [SimpleNamespace(name=name, tags=()) for name in ("cat", "fox", "dog", "sky", "pets")]
    drawings = SimpleNamespace(
        names=[record.name for record in records],
        categories=["sky", "pets", "pets", "sky", "sky"],
        subgroups=["cat", "fox", "dog", "sky", "pets"],
        train=[0, 1, 2, 3],
        records=records,
    )
    assert socratic.propose(EYES, [1], drawings) == [Words("pets", ("dog", "fox"), ("dog", "fox", "cat"))]


@pytest.mark.parametrize(("words", "said"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")])
def test_lists_are_said_as_people_say_them(words, said):
    assert socratic.either(words) == said


def test_the_prompt_holds_every_word_and_without_words_none():
    prompt = socratic.prompt(Words("food", ("fruit", "cake"), ("apple", "cherry", "pie")))
    for part in ("about food.", "a kind of fruit or cake.", "apple, cherry or pie in"):
        assert part in prompt
    assert prompt.endswith(" a")
    assert socratic.prompt(None).endswith(" a")
    assert "food" not in socratic.prompt(None)


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (" Red apple.\nIt is", "red apple"),
        ("cat, or a dog", "cat"),
        ("\n\nhouse", "house"),
        (' "heart" emoji', ""),
        (" big-cat 2", "big cat"),
        ("", ""),
    ],
)
def test_a_caption_is_the_first_line_in_plain_words(written, line):
    assert socratic.first_line(written) == line


def test_reranking_is_by_the_picture_and_never_takes_an_empty_text():
    texts = ["", "fox", "cat", "dog"]
    assert [socratic.rerank(EYES, picture, texts) for picture in range(2)] == ["cat", "dog"]
    assert socratic.rerank(EYES, 2, ["", "cat"]) == "cat"
    assert socratic.rerank(EYES, 0, ["", ""]) == ""


def test_a_remembered_text_is_not_encoded_again_and_keeps_its_vector():
    asked = []

    def counted(texts):
        asked.extend(texts)
        return encode(texts)

    read = socratic.remembered(counted)
    read(["cat", "fox", "cat"])
    assert torch.equal(read(["dog", "cat", "fox"]), encode(["dog", "cat", "fox"]))
    assert sorted(asked) == ["cat", "dog", "fox"]


def test_hits_are_pictures_with_a_true_word_that_says_something():
    truth = [{"cat", "of"}, {"dog"}, {"red", "fox"}]
    assert socratic.hits({0: "a Cat", 1: "house of cards", 2: "red fox"}, truth) == pytest.approx(2 / 3)
    assert socratic.hits({0: "of the", 1: "dogs"}, truth) == 0


def test_own_words_are_those_of_name_and_tags():
    record = SimpleNamespace(name="cat with tears", tags=("Joy", "big smile"))
    assert socratic.own_words(SimpleNamespace(records=[record])) == [{"cat", "tears", "joy", "big", "smile"}]
