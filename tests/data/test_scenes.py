"""The scene world: pictures, captions and questions must agree with the attributes, and splits must not mix."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_lib.data import attributes as world
from vlm_lib.data.captions import INVERSE, NUMBERS, relation
from vlm_lib.data.scenes import (
    COLOURS,
    HELD_OUT,
    QUESTION_KINDS,
    SHAPES,
    SIZES,
    as_float,
    captions,
    generate,
    questions,
    render,
    statements,
    swapped_captions,
)
from vlm_lib.data.sprites import CELL, NOISE, PALETTE, coverage, inside

SEEDS = st.integers(0, 2**32 - 1)
SPLIT = st.sampled_from(world.SPLITS)
quick = settings(max_examples=15, deadline=None)


def objects_of(scenes, index):
    """(cell, (shape, colour, size)) in words, read from the attributes independently of `captions`."""
    return [
        (cell, (SHAPES[s], COLOURS[c], SIZES[z]))
        for cell, (s, c, z) in enumerate(scenes.attributes[index].tolist())
        if s >= 0
    ]


def pairs_of(scenes):
    return {(colour, shape) for i in range(len(scenes)) for _, (shape, colour, _) in objects_of(scenes, i)}


@quick
@given(seed=SEEDS, split=SPLIT, bounds=st.tuples(st.integers(1, 4), st.integers(1, 4)).map(sorted))
def test_scenes_keep_the_rules_of_their_world(seed, split, bounds):
    scenes = generate(16, seed, objects=tuple(bounds), split=split)
    assert scenes.images.shape == (16, 3, 64, 64)
    assert scenes.images.dtype == torch.uint8
    assert scenes.attributes.shape == (16, 4, 3)
    assert scenes.attributes.dtype == np.int8
    for index in range(16):
        things = [attributes for _, attributes in objects_of(scenes, index)]
        assert bounds[0] <= len(things) <= bounds[1]
        assert len({shape for shape, _, _ in things}) == len({colour for _, colour, _ in things}) == len(things)
    pairs = pairs_of(scenes)
    assert split != "train" or not pairs & HELD_OUT
    assert split != "held_out" or pairs <= HELD_OUT


def test_training_shows_every_word_and_the_splits_cover_all_pairs():
    seen, unseen = pairs_of(generate(2000, 0)), pairs_of(generate(500, 0, split="held_out"))
    assert {colour for colour, _ in seen} == set(COLOURS) == {colour for colour, _ in HELD_OUT}
    assert {shape for _, shape in seen} == set(SHAPES) == {shape for _, shape in HELD_OUT}
    assert unseen == HELD_OUT
    assert seen | unseen == {(colour, shape) for colour in COLOURS for shape in SHAPES}
    assert pairs_of(generate(2000, 0, split="all")) == seen | unseen


@quick
@given(seed=SEEDS, split=SPLIT)
def test_same_seed_same_scenes_different_seeds_differ(seed, split):
    first, again = generate(8, seed, split=split), generate(8, seed, split=split)
    assert torch.equal(first.images, again.images)
    assert np.array_equal(first.attributes, again.attributes)
    other = generate(8, (seed + 1) % 2**32, split=split)
    assert not torch.equal(first.images, other.images)
    assert captions(first, seed) == captions(again, seed)


def test_drawing_captions_does_not_disturb_the_pictures():
    before = generate(4, 7)
    captions(before, 7)
    questions(before, 7)
    assert torch.equal(before.images, generate(4, 7).images)


def test_numbers_of_objects_are_equally_frequent():
    scenes = generate(4000, 3, objects=(1, 4))
    counts = np.bincount((scenes.attributes[:, :, 0] >= 0).sum(axis=1), minlength=5)[1:]
    assert counts.min() > 4000 / 4 * 0.9


@quick
@given(seed=SEEDS)
def test_pixels_agree_with_the_attributes(seed):
    scenes = generate(8, seed, objects=(1, 4), split="all")
    for index in range(8):
        picture = scenes.images[index].numpy().astype(float)
        things = dict(objects_of(scenes, index))
        for cell in range(4):
            row, column = divmod(cell, 2)
            tile = picture[:, row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
            if cell not in things:
                assert np.ptp(tile) <= 2 * NOISE + 1  # background and noise only
                continue
            shape, colour, size = things[cell]
            tint = np.array(PALETTE[colour]).reshape(3, 1, 1)
            painted = (abs(tile - tint).max(axis=0) <= NOISE + 1).sum()
            covered = coverage(shape, {"small": 8, "large": 13}[size], 0, 0, CELL)
            # pixels on the edge may or may not come near the tint, the others must and must not
            assert (covered == 1).sum() <= painted <= (covered > 0.5).sum()


def test_a_shape_has_the_area_that_geometry_says():
    axis = np.linspace(-1.2, 1.2, 1201)
    x, y = np.meshgrid(axis, axis)
    area = {shape: inside(shape, x, y).mean() * 2.4**2 for shape in SHAPES}
    assert area["circle"] == pytest.approx(np.pi * 0.95**2, rel=0.01)
    assert area["ring"] == pytest.approx(np.pi * (0.95**2 - 0.55**2), rel=0.01)
    assert area["square"] == pytest.approx(1.6**2, rel=0.01)
    assert area["triangle"] == pytest.approx(1.7 * 2 * 1.7 * 0.56 / 2, rel=0.01)
    assert area["cross"] == pytest.approx(4 * 0.92 * 0.56 - 0.56**2, rel=0.01)
    assert area["star"] == pytest.approx(5 * 1.05 * 0.46 * np.sin(np.pi / 5), rel=0.01)


def test_numpys_integers_count_and_seed_like_any_other():
    plain, numpys = generate(3, 5, objects=2), generate(np.int64(3), np.int32(5), objects=np.uint8(2))
    assert torch.equal(numpys.images, plain.images)
    assert captions(numpys, np.int64(4)) == captions(plain, 4)
    assert questions(numpys, np.int64(4)) == questions(plain, 4)


def test_rendering_changes_only_what_was_changed():
    scenes = generate(6, 1, objects=2)
    changed = scenes.attributes.copy()
    first = (changed[:, :, 0] >= 0).argmax(axis=1)
    changed[np.arange(6), first, 1] = (changed[np.arange(6), first, 1] + 1) % len(COLOURS)
    different = (render(changed, 1).images != scenes.images).any(dim=1)
    for index, cell in enumerate(first):
        row, column = divmod(int(cell), 2)
        assert different[index, row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL].any()
        different[index, row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = False
    assert not different.any()


PHRASE = r"a (small|large) (\w+) (\w+)"
RELATION = "|".join(sorted(INVERSE, key=len, reverse=True))


def true_relations(first, second):
    """All relations that hold between two cells, worked out from their coordinates."""
    (row_a, column_a), (row_b, column_b) = divmod(first, 2), divmod(second, 2)
    vertical = {-1: "above", 0: "", 1: "below"}[np.sign(row_a - row_b)]
    horizontal = {-1: "left of", 0: "", 1: "right of"}[np.sign(column_a - column_b)]
    return " and ".join(filter(None, (vertical, horizontal)))


def parse(caption):
    """The objects and relations of a caption in the order it names them."""
    things = [(shape, colour, size) for size, colour, shape in re.findall(PHRASE, caption)]
    return things, re.findall(rf"({RELATION}) a ", caption)


@quick
@given(seed=SEEDS, most=st.integers(1, 4))
def test_canonical_captions_tell_all_objects_in_reading_order_with_true_relations(seed, most):
    scenes = generate(8, seed, objects=most)
    for index, caption in enumerate(captions(scenes)):
        cells, expected = zip(*objects_of(scenes, index), strict=True)
        things, relations = parse(caption)
        assert tuple(things) == expected
        assert relations == [true_relations(a, b) for a, b in zip(cells, cells[1:], strict=False)]
        assert caption.endswith(" .")
        assert caption == " ".join(caption.lower().split())


@quick
@given(seed=SEEDS)
def test_paraphrases_are_true_and_exchanged_captions_are_false(seed):
    scenes = generate(8, seed, objects=2)
    paraphrases = captions(scenes, seed)
    for index, (paraphrase, false) in enumerate(zip(paraphrases, swapped_captions(scenes), strict=True)):
        cell = {attributes: cell for cell, attributes in objects_of(scenes, index)}
        (a, b), (where,) = parse(paraphrase)
        assert where == true_relations(cell[a], cell[b])
        (a, b), (where,) = parse(false)
        assert where != true_relations(cell[a], cell[b])
        assert sorted(false.split()) == sorted(captions(scenes)[index].split())


def test_paraphrases_vary():
    scenes = generate(200, 0)
    assert len({caption.split("a ")[0] for caption in captions(scenes, 0)}) >= 5
    assert captions(scenes, 0) != captions(scenes, 1)


@pytest.mark.parametrize("kind", [None, *QUESTION_KINDS])
@quick
@given(seed=SEEDS)
def test_answers_are_true(kind, seed):
    scenes = generate(8, seed, objects=(1, 4))
    for index, (question, answer) in enumerate(questions(scenes, seed, kind)):
        placed = objects_of(scenes, index)
        assert " " not in answer
        assert question.endswith(" ?")
        if question.startswith("how many"):
            assert answer == NUMBERS[len(placed)]
        elif question.startswith("where"):
            _, c1, s1, c2, s2 = re.match(
                r"(where is the) (\w+) (\w+) relative to the (\w+) (\w+)", question
            ).groups()
            cell = {(colour, shape): cell for cell, (shape, colour, _) in placed}
            assert true_relations(cell[c1, s1], cell[c2, s2]).removesuffix(" of") == answer
        else:
            asked = set(question.split())
            about = [thing for _, thing in placed if asked & set(thing)]
            assert len(about) == 1
            position = {"shape": 0, "colour": 1, "size": 2}[question.split()[1]]
            assert about[0][position] == answer
            assert answer not in asked


@quick
@given(seed=SEEDS)
def test_statements_are_true(seed):
    scenes = generate(8, seed, objects=(1, 4))
    for index, sentence in enumerate(statements(scenes, seed)):
        said = set(sentence.split()) & {*SHAPES, *COLOURS, *SIZES}
        assert len(said) >= 2
        assert any(said <= set(thing) for _, thing in objects_of(scenes, index))


def test_relations_have_inverses():
    for first in range(4):
        for second in range(first + 1, 4):
            assert relation(first, second) == true_relations(first, second)
            assert INVERSE[relation(first, second)] == true_relations(second, first)


def test_subsets_keep_pictures_and_attributes_together():
    scenes = generate(10, 0)
    odd = np.arange(10) % 2 == 1
    for subset in (scenes[1::2], scenes[[1, 3, 5, 7, 9]], scenes[odd]):
        assert torch.equal(subset.images, scenes.images[1::2])
        assert np.array_equal(subset.attributes, scenes.attributes[1::2])
        assert captions(subset) == captions(scenes)[1::2]
    with pytest.raises(TypeError, match=r"index: got the int 3"):
        scenes[3]


def test_as_float_maps_the_ends_to_minus_one_and_one():
    ends = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 3, 64, 64)
    assert as_float(ends).dtype == torch.float32
    assert as_float(ends)[:, 0, 0, 0].tolist() == [-1.0, 1.0]
    with pytest.raises(ValueError, match=r"images: got dtype torch.float32, expected torch.uint8"):
        as_float(ends.float())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n: got 0, expected an int >= 1"),
        ({"n": 2.0}, "n: got 2.0, expected an int >= 1"),
        ({"seed": -1}, r"seed: got -1, expected an int in 0 \.\. 2\*\*32 - 1"),
        ({"seed": 0.5}, "seed: got 0.5"),
        ({"objects": 0}, r"objects: got 0, expected an int or \(fewest, most\) within 1 \.\. 4"),
        ({"objects": 5}, "objects: got 5"),
        ({"objects": (2, 1)}, r"objects: got \(2, 1\)"),
        ({"objects": (1, 2, 3)}, r"objects: got \(1, 2, 3\)"),
        ({"objects": "12"}, "objects: got '12'"),
        ({"split": "test"}, "split: got 'test', expected one of 'train', 'held_out', 'all'"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        generate(**{"n": 2, "seed": 0, **arguments})


@pytest.mark.parametrize(
    "attributes",
    [
        np.zeros((2, 3)),
        np.zeros((0, 4, 3)),
        np.full((1, 4, 3), -1),
        np.full((1, 4, 3), 6),
        [[[0, 0, -1], [-1] * 3, [-1] * 3, [-1] * 3]],
    ],
)
def test_render_refuses_attributes_that_mean_nothing(attributes):
    with pytest.raises(ValueError, match=r"attributes: (got shape|expected in each cell)"):
        render(attributes, 0)


def test_questions_and_exchanges_refuse_what_they_cannot_do():
    with pytest.raises(ValueError, match=r"kind: got 'smell', expected one of 'colour'"):
        questions(generate(2, 0), 0, "smell")
    with pytest.raises(ValueError, match=r"scenes: scene 0 has 1 object\(s\), expected exactly 2"):
        swapped_captions(generate(2, 0, objects=1))
