"""Documents with a rule: one attribute throughout, the same labels with and without pictures."""

import numpy as np
import pytest
import torch

from vlm_lib.data import captioned, scenes
from vlm_lib.data.rule_documents import IGNORED, RuleDocuments, cut_into_pairs
from vlm_lib.data.tokenizer import world_tokenizer

TOKENIZER = world_tokenizer(("scenes",))
WORLD = RuleDocuments(TOKENIZER)
ATTRIBUTES = torch.tensor([[[0, 0, 1], [3, 2, 0]], [[1, 7, 0], [2, 5, 1]]])
RULE = torch.tensor([1, 0])


def text(ids):
    return [TOKENIZER.decode(row) for row in ids]


def test_a_document_names_the_same_attribute_of_each_object():
    assert text(WORLD.write(ATTRIBUTES, RULE, pictures=False)) == [
        "<bos> large red circle : red , small blue star : blue ,",
        "<bos> small white square : square , large pink triangle : triangle ,",
    ]
    assert text(WORLD.write(ATTRIBUTES, RULE, pictures=True)) == [
        "<bos> <image> : red , <image> : blue ,",
        "<bos> <image> : square , <image> : triangle ,",
    ]


@pytest.mark.parametrize("pictures", [True, False])
def test_labels_are_predicted_from_the_colons(pictures):
    ids = WORLD.write(ATTRIBUTES, RULE, pictures=pictures)
    at = WORLD.labels_at(2, pictures=pictures)
    assert (ids[:, at] == WORLD.ids(":")).all()
    assert text(ids[:, at + 1]) == ["red blue", "square triangle"]
    targets = WORLD.targets(ids)
    assert torch.equal(targets[:, at], ids[:, at + 1])
    assert (targets[:, -1] == IGNORED).all()
    assert int((targets[:, :-1] == IGNORED).sum()) == (4 if pictures else 0)


def test_cutting_keeps_every_picture_with_its_label():
    ids = WORLD.write(ATTRIBUTES, RULE, pictures=True)
    assert text(cut_into_pairs(ids)) == [f"<bos> <image> : {w} ," for w in ("red", "blue", "square", "triangle")]
    with pytest.raises(ValueError, match="four for each picture"):
        cut_into_pairs(ids[:, :-1])


def test_drawn_documents_keep_their_rule_and_use_all_three():
    ids = WORLD.draw_text(60, 3, np.random.default_rng(0))
    kinds = []
    for row in text(ids):
        parts = [part.split(" : ") for part in row.removeprefix("<bos> ").removesuffix(" ,").split(" , ")]
        places = {shown.split().index(label) for shown, label in parts}
        assert len(places) == 1
        kinds += places
    assert set(kinds) == {0, 1, 2}


def test_questions_end_with_their_answer():
    some = scenes.generate(20, 0, objects=2)
    asked = captioned.ask(TOKENIZER, some, seed=1)
    for ids, kept, (question, answer) in zip(asked.texts, asked.kept, scenes.questions(some, 1), strict=True):
        assert TOKENIZER.decode(ids[:kept]) == f"<bos> {question}"
        assert TOKENIZER.decode(ids[kept:]) == f"{answer} <eos>"
    joined = captioned.caption_and_question(TOKENIZER, some, seed=1)
    assert TOKENIZER.decode(joined[0]) == " ".join(
        ["<bos>", scenes.captions(some)[0], *scenes.questions(some, 1)[0], "<eos>"]
    )
