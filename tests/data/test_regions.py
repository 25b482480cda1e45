"""Boxes against the pixels that an object changes, crops against pictures made for it, and noise on boxes."""

import numpy as np
import pytest
import torch

from vlm_lib.data import scenes as world
from vlm_lib.data.attributes import COLOURS, EMPTY, SHAPES
from vlm_lib.data.captioned_regions import bert_tokenizer, captioned_regions
from vlm_lib.data.regions import Regions, coordinates, crops, elsewhere, find_boxes, quarters, with_noise

CELL_OF_QUARTER = {0: "above, left", 1: "above, right", 2: "below, left", 3: "below, right"}


def test_a_box_frames_the_pixels_that_its_object_changes():
    scenes = world.generate(200, 3, objects=(2, 4), split="all")
    boxes = find_boxes(scenes, 0)
    for cell in range(4):
        there = scenes.attributes[:, cell, 0] != EMPTY
        without = scenes.attributes.copy()
        without[:, cell] = EMPTY
        changed = (world.render(without, 3).images != scenes.images).any(dim=1)
        for i in np.flatnonzero(there):
            rows, columns = changed[i].any(dim=1).nonzero(), changed[i].any(dim=0).nonzero()
            outer = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            assert (
                boxes[i, cell] - outer
            ).abs().max() <= 2  # the outermost, nearly transparent pixels are not noticed


def test_every_box_stays_in_its_cell_also_where_there_is_nothing():
    scenes = world.generate(300, 4, objects=(1, 4))
    boxes = find_boxes(scenes, 1)
    assert (boxes[..., 2:] - boxes[..., :2]).min() > 8
    for cell, (x, y) in enumerate([(0, 0), (32, 0), (0, 32), (32, 32)]):
        assert (boxes[:, cell] >= torch.tensor([x, y, x, y])).all()
        assert (boxes[:, cell] <= torch.tensor([x, y, x, y]) + 32).all()
    empty = torch.from_numpy(scenes.attributes[..., 0] == EMPTY)
    assert boxes[empty][:, 0].std() > 5  # boxes around nothing stand in many places
    assert not torch.equal(find_boxes(scenes, 2)[empty], boxes[empty])
    assert torch.equal(find_boxes(scenes, 2)[~empty], boxes[~empty])


def test_quarters_are_the_cells():
    scenes = world.generate(50, 5, objects=4)
    assert quarters(find_boxes(scenes, 0)).tolist() == [list(CELL_OF_QUARTER)] * 50


def test_a_crop_holds_what_its_box_frames_whatever_the_size():
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    images[0, 0, :, 32:] = 255  # right half red
    boxes = torch.tensor([[[0.0, 0, 32, 64], [32, 0, 64, 64], [24, 10, 40, 26], [28, 20, 36, 28]]])
    left, right, middle, small = crops(images, boxes)[0]
    assert left.shape == (4, 8, 8)
    assert (left[0] < -0.9).float().mean() > 0.8
    assert (right[0] > 0.99).all()
    torch.testing.assert_close(right[1:3], -torch.ones(2, 8, 8))
    assert (middle[0, :, :3] < -0.9).all()
    assert (middle[0, :, 5:] > 0.9).all()
    torch.testing.assert_close(middle[0, :, [0, 7]], small[0, :, [0, 7]])  # scaled: the size is lost


def test_crops_of_objects_tell_colour_and_outline():
    scenes = world.generate(60, 6, objects=1)
    cell = scenes.attributes[..., 0].argmax(axis=1)
    boxes = find_boxes(scenes, 0)[torch.arange(60), cell][:, None]
    seen = crops(scenes.images, boxes)[:, 0]
    outline = seen[:, 3]
    for i, shape in enumerate(SHAPES[k] for k in scenes.attributes[range(60), cell, 0]):
        full = (outline[i] > -0.3).float()
        if shape == "square":
            assert full.mean() > 0.8
        if shape == "ring":
            assert full[3:5, 3:5].mean() == 0
    for i, colour in enumerate(COLOURS[k] for k in scenes.attributes[range(60), cell, 1]):
        red, green, blue = seen[i, :3, outline[i] > outline[i].max() - 0.3].mean(dim=1)
        if colour == "red":
            assert red > green
            assert red > blue
        if colour == "green":
            assert green > red
            assert green > blue


def test_noise_moves_edges_by_its_standard_deviation_and_keeps_boxes_boxes():
    boxes = torch.tensor([20.0, 20, 44, 44]).expand(500, 4, 4)
    assert (with_noise(boxes, 2.0, 0) - boxes).std() == pytest.approx(2.0, rel=0.1)
    assert torch.equal(with_noise(boxes, 0.0, 0), boxes)
    for wild in (with_noise(boxes, 40.0, 0), with_noise(boxes, 5.0, 1)):
        assert (wild[..., 2:] - wild[..., :2]).min() >= 4 - 1e-4
        assert wild.min() >= 0
        assert wild.max() <= 64


def test_boxes_elsewhere_keep_their_size_and_stand_anywhere():
    boxes = with_noise(torch.tensor([20.0, 20, 44, 44]).expand(400, 4, 4), 3.0, 0)
    moved = elsewhere(boxes, 0)
    torch.testing.assert_close(moved[..., 2:] - moved[..., :2], boxes[..., 2:] - boxes[..., :2])
    assert moved.min() >= 0
    assert moved.max() <= 64 + 1e-3
    assert torch.bincount(quarters(moved).flatten(), minlength=4).min() > 250


def test_coordinates_say_edges_and_size():
    expected = torch.tensor([[[-1.0, -1, 1, 1, 3, 3], [-0.5, 0, 0, 0.5, 0, 0]]])
    boxes = torch.tensor([[[0.0, 0, 64, 64], [16, 32, 32, 48]]])
    torch.testing.assert_close(coordinates(boxes), expected)


def test_crops_refuse_boxes_of_another_batch():
    with pytest.raises(ValueError, match=r"^boxes has shape \[2, 1, 4\], expected \[n=3 regions edges=4\]"):
        crops(torch.zeros(3, 3, 64, 64, dtype=torch.uint8), torch.zeros(2, 1, 4))


def test_regions_are_indexed_and_exchanged_row_by_row():
    told = Regions(torch.arange(6.0).view(3, 1, 2), places=torch.tensor([[0], [1], [2]]))
    assert told[1:].places.tolist() == [[1], [2]]
    assert told.of_others().places.tolist() == [[2], [0], [1]]
    assert told.of_others().features[0].tolist() == [[4.0, 5.0]]
    assert told.of_others().words is None


# ---- captions with their regions


@pytest.fixture(scope="module")
def data():
    return captioned_regions(300, 7)


def test_two_objects_stand_on_a_diagonal_and_the_caption_names_the_side(data):
    filled = data.scenes.attributes[..., 0] != EMPTY
    falls = filled[:, 0] & filled[:, 3]
    assert (falls ^ (filled[:, 1] & filled[:, 2])).all()
    assert 100 < falls.sum() < 200
    captions = bert_tokenizer().batch_decode(data.input_ids, skip_special_tokens=True)
    assert captions == world.captions(data.scenes)
    assert ["above and left of" in caption for caption in captions] == falls.tolist()


def test_regions_know_their_place_and_the_words_that_name_them(data):
    tokenizer = bert_tokenizer()
    seen = set()
    for i in range(len(data)):
        for region in range(4):
            cell, words = data.regions.places[i, region].item(), data.regions.words[i, region]
            shape, colour, size = data.scenes.attributes[i, cell]
            if shape == EMPTY:
                assert words.tolist() == [-1, -1, -1]
            else:
                named = tokenizer.decode(data.input_ids[i, words])
                assert named == f"{world.SIZES[size]} {COLOURS[colour]} {SHAPES[shape]}"
        seen.add(tuple(data.regions.places[i].tolist()))
    assert len(seen) > 10  # the order of regions tells nothing


def test_features_are_those_of_the_boxes(data):
    expected = crops(data.scenes.images, data.boxes).flatten(2)
    torch.testing.assert_close(data.regions.features, expected)
    moved = data.with_boxes(elsewhere(data.boxes, 0))
    torch.testing.assert_close(moved.regions.features, crops(data.scenes.images, moved.boxes).flatten(2))
    assert torch.equal(moved.regions.places, quarters(moved.boxes))
    assert torch.equal(moved.regions.words, data.regions.words)


def test_images_of_others_leave_the_words_and_exchange_all_regions(data):
    other = data.with_images_of_others(3)
    assert torch.equal(other.input_ids, data.input_ids)
    same = (other.regions.features == data.regions.features).flatten(1).all(dim=1)
    assert not same.any()
    assert torch.equal(other.regions.features.sort(dim=0).values, data.regions.features.sort(dim=0).values)


def test_second_captions_match_half_the_time_and_are_true_of_the_picture_if_they_do(data):
    pairs, tokenizer = data.with_second_captions(0), bert_tokenizer()
    assert 110 < (pairs.match == 0).sum() < 190
    same = 0
    for i, caption in enumerate(world.captions(data.scenes)):
        first, second = (pairs.input_ids[i][pairs.segments[i] == k] for k in (0, 1))
        assert tokenizer.decode(first) == f"<cls> {caption} <sep>"
        said = set(tokenizer.decode(second, skip_special_tokens=True).split())
        if pairs.match[i] == 0:
            assert {w for w in caption.split() if w in (*SHAPES, *COLOURS)} <= said
        else:
            same += {w for w in caption.split() if w in (*SHAPES, *COLOURS)} <= said
    assert same < 5


def test_one_caption_is_the_own_one_half_the_time_and_anothers_otherwise(data):
    judged, own = data.with_true_or_false_captions(0), world.captions(data.scenes)
    read = bert_tokenizer().batch_decode(judged.input_ids, skip_special_tokens=True)
    assert 110 < (judged.match == 0).sum() < 190
    assert judged.segments is None
    for caption, said, label in zip(own, read, judged.match.tolist(), strict=True):
        assert said in own
        assert label == 1 or said == caption
    others = [
        said == caption for caption, said, label in zip(own, read, judged.match.tolist(), strict=True) if label
    ]
    assert sum(others) < 5  # two scenes may look alike


def test_batches_are_pure_functions_of_seed_and_step(data):
    batch = data.batches(16, 5, rate=0.5)
    one, again, other = batch(3), batch(3), batch(4)
    assert torch.equal(one.input_ids, again.input_ids)
    assert torch.equal(one.labels, again.labels)
    assert not torch.equal(one.input_ids, other.input_ids)
    assert (one.labels[~one.text_mask] == -100).all()
