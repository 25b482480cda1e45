"""The shortest captions: what they name, in which order, and what is refused."""

import pytest
import torch

from vlm_lib.data import naming, scenes


def test_objects_are_named_in_reading_order_and_padded():
    attributes = torch.full((2, 4, 3), -1).numpy()
    attributes[0, 1] = (3, 2, 0)  # star, blue, small: second cell
    attributes[0, 2] = (0, 0, 1)  # circle, red, large: third cell
    attributes[1, 3] = (5, 7, 1)  # ring, white
    ids = naming.naming_ids(scenes.render(attributes, seed=0))
    assert [naming.text_of(row) for row in ids] == ["blue star and red circle", "white ring"]
    assert [naming.VOCABULARY[i] for i in ids[1]] == ["<bos>", "white", "ring", "<eos>", "<pad>", "<pad>", "<pad>"]


def test_only_colours_and_shapes_are_attributes():
    ids = naming.naming_ids(scenes.generate(20, seed=1, objects=(1, 2)))
    named = {naming.VOCABULARY[i] for i in ids[naming.is_attribute(ids)].tolist()}
    assert named <= {*scenes.COLOURS, *scenes.SHAPES}
    assert {naming.VOCABULARY[i] for i in ids[~naming.is_attribute(ids)].tolist()} <= {
        "<pad>",
        "<bos>",
        "<eos>",
        "and",
    }


def test_a_single_objects_number_is_the_row_of_its_name():
    single = scenes.generate(30, seed=2, objects=1, split="all")
    rows = naming.object_ids()[naming.object_numbers(single)]
    assert torch.equal(rows, naming.naming_ids(single)[:, :4])
    assert len({tuple(row) for row in naming.object_ids().tolist()}) == 48


def test_too_many_objects_are_refused():
    with pytest.raises(ValueError, match=r"scene \d has 3 objects, expected at most 2"):
        naming.naming_ids(scenes.generate(2, seed=0, objects=3))
    with pytest.raises(ValueError, match="two objects, expected one"):
        naming.object_numbers(scenes.generate(2, seed=0, objects=2))
