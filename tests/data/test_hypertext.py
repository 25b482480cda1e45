"""Objects cut out of scenes, and the documents that are made of them."""

import pytest
import torch

from vlm_lib.data import objects, scenes
from vlm_lib.data.hypertext import Hypertext

TEXT = Hypertext(codes=10)


def test_objects_are_the_filled_cells_of_the_scenes_they_come_from():
    drawn, source = objects.generate(20, 3), scenes.generate(20, 3, objects=1, split="all")
    for image, attributes, cells, scene in zip(
        drawn.images, drawn.attributes, source.attributes, scenes.as_float(source.images), strict=True
    ):
        (cell,) = (cells[:, 0] >= 0).nonzero()[0]
        row, column = divmod(int(cell), 2)
        assert torch.equal(image, scene[:, 32 * row : 32 * row + 32, 32 * column : 32 * column + 32])
        assert attributes.tolist() == cells[cell].tolist()


def test_captions_name_size_colour_and_shape():
    drawn = objects.generate(5, 0)
    shape, colour, size = drawn.attributes[2].tolist()
    assert drawn.captions()[2] == f"{objects.SIZES[size]} {objects.COLOURS[colour]} {objects.SHAPES[shape]}"


def test_a_document_is_a_tag_with_words_first_and_codes_behind():
    ids = TEXT.document("large red circle", torch.tensor([3, 9]))
    assert TEXT.show(ids) == ['<img alt="', "large", "red", "circle", '" src="', "3", "9", '">']
    assert max(ids) < TEXT.size
    assert ids[5] - ids[6] == 3 - 9


def test_every_token_has_an_id_of_its_own_and_marks_are_no_words():
    assert len(set(TEXT.tokens)) == len(TEXT.tokens) == TEXT.first_code == TEXT.size - 10
    marks = {*TEXT.marks.sentinels, TEXT.marks.pad, TEXT.marks.start, TEXT.marks.end}
    assert len(marks) == len(TEXT.marks.sentinels) + 3
    assert not marks & set(TEXT.words)


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="words: got 'mauve'"):
        TEXT.ids(["red", "mauve"])
