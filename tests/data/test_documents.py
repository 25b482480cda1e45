"""Interleaved documents: structure, padding, masks and pictures must agree."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from vlm_lib.attention.masks import image_index
from vlm_lib.data.attributes import COLOURS, HELD_OUT, SHAPES, SIZES
from vlm_lib.data.documents import Documents, interleaved
from vlm_lib.data.scenes import Scenes, captions
from vlm_lib.data.tokenizer import world_tokenizer

TOKENIZER = world_tokenizer()
ATTRIBUTE_WORDS = {*SHAPES, *COLOURS, *SIZES}
quick = settings(max_examples=15, deadline=None)
BOUNDS = st.tuples(st.integers(1, 5), st.integers(1, 5)).map(sorted).map(tuple)


def tokens_of(documents, index):
    return TOKENIZER.convert_ids_to_tokens(documents.input_ids[index].tolist())


@quick
@given(seed=st.integers(0, 2**32 - 1), bounds=BOUNDS, caption=st.sampled_from(("full", "short")))
def test_a_document_is_the_captions_of_its_pictures(seed, bounds, caption):
    documents = interleaved(5, seed, images_per_document=bounds, tokenizer=TOKENIZER, caption=caption)
    assert documents.images.shape == (5, int(documents.num_images.max()), 3, 64, 64)
    for index in range(5):
        count = int(documents.num_images[index])
        assert bounds[0] <= count <= bounds[1]
        shown = Scenes(documents.attributes[index, :count], documents.images[index, :count])
        texts = captions(shown)
        if caption == "short":
            texts = ["a " + " ".join(text.split()[2:]) for text in texts]  # the same without the size
        expected = " ".join(["<bos>", *(f"<image> {text} <eoc>" for text in texts)])
        assert " ".join(t for t in tokens_of(documents, index) if t != "<pad>") == expected
        assert documents.images[index, :count].flatten(1).any(dim=1).all()
        assert not documents.images[index, count:].any()
        assert (documents.attributes[index, count:] == -1).all()


@quick
@given(seed=st.integers(0, 2**32 - 1), bounds=BOUNDS, caption=st.sampled_from(("full", "short")))
def test_masks_mark_the_right_tokens(seed, bounds, caption):
    documents = interleaved(5, seed, images_per_document=bounds, tokenizer=TOKENIZER, caption=caption)
    for index in range(5):
        tokens = tokens_of(documents, index)
        assert documents.is_image[index].tolist() == [token == "<image>" for token in tokens]
        assert documents.loss_mask[index].tolist() == [t not in ("<bos>", "<image>", "<pad>") for t in tokens]
        assert documents.answer_mask[index].tolist() == [token in ATTRIBUTE_WORDS for token in tokens]
        assert tokens.index("<pad>") == len(tokens) - tokens.count("<pad>") if "<pad>" in tokens else True
    assert torch.equal(documents.is_image.sum(dim=1), documents.num_images)
    # phi, the count of pictures so far, ends at the number of pictures and is 0 at <bos>
    phi = image_index(documents.is_image)
    assert torch.equal(phi[:, -1], documents.num_images)
    assert not phi[:, 0].any()


def test_the_longest_document_has_no_padding():
    documents = interleaved(40, 0, images_per_document=(1, 4), tokenizer=TOKENIZER)
    padding = (documents.input_ids == TOKENIZER.pad_token_id).sum(dim=1)
    assert padding.min() == 0
    assert padding.max() > 0


def test_same_seed_same_documents_different_seeds_differ():
    first, again, other = (
        interleaved(6, seed, images_per_document=(1, 3), tokenizer=TOKENIZER) for seed in (3, 3, 4)
    )
    assert torch.equal(first.input_ids, again.input_ids)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images[:, 0], other.images[:, 0])


@pytest.mark.parametrize("caption", ["full", "short"])
def test_splits_hold(caption):
    for split in ("train", "held_out"):
        documents = interleaved(60, 0, images_per_document=3, tokenizer=TOKENIZER, split=split, caption=caption)
        attributes = documents.attributes.reshape(-1, 3)
        pairs = {(COLOURS[c], SHAPES[s]) for s, c, _ in attributes[attributes[:, 0] >= 0].tolist()}
        assert not pairs & HELD_OUT if split == "train" else pairs <= HELD_OUT


def test_pictures_of_one_document_are_independent():
    documents = interleaved(400, 0, images_per_document=2, tokenizer=TOKENIZER, caption="short", split="all")
    colours = documents.attributes.max(axis=2)[:, :, 1]
    agreement = (colours[:, 0] == colours[:, 1]).mean()
    assert agreement == pytest.approx(1 / len(COLOURS), abs=0.06)


def test_objects_can_be_chosen_with_full_captions():
    documents = interleaved(4, 0, images_per_document=2, tokenizer=TOKENIZER, objects=3)
    assert ((documents.attributes[..., 0] >= 0).sum(axis=-1) == 3).all()


def test_subsets_keep_all_fields_together():
    documents = interleaved(6, 0, images_per_document=(1, 3), tokenizer=TOKENIZER)
    chosen = np.array([True, False, True, False, False, True])
    for subset in (documents[[0, 2, 5]], documents[chosen]):
        assert isinstance(subset, Documents)
        assert len(subset) == 3
        assert torch.equal(subset.input_ids, documents.input_ids[[0, 2, 5]])
        assert torch.equal(subset.images, documents.images[[0, 2, 5]])
        assert np.array_equal(subset.attributes, documents.attributes[[0, 2, 5]])
    with pytest.raises(TypeError, match="index: got the int 1"):
        documents[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n: got 0, expected an int >= 1"),
        ({"images_per_document": 0}, r"images_per_document: got 0, expected an int or \(fewest, most\) within 1"),
        ({"images_per_document": (3, 2)}, r"images_per_document: got \(3, 2\)"),
        ({"images_per_document": 65}, r"images_per_document: got 65, .* within 1 \.\. 64"),
        ({"caption": "long"}, "caption: got 'long', expected one of 'full', 'short'"),
        ({"caption": "short", "objects": 2}, "objects: got 2, expected 1"),
        ({"objects": 0}, "objects: got 0"),
        ({"split": "test"}, "split: got 'test'"),
        ({"seed": "0"}, "seed: got '0'"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        interleaved(**{"n": 2, "seed": 0, "images_per_document": 2, "tokenizer": TOKENIZER, **arguments})


def test_a_tokenizer_without_the_image_token_is_refused():
    bare = PreTrainedTokenizerFast(
        tokenizer_object=world_tokenizer().backend_tokenizer.__class__.from_str(
            '{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,'
            '"pre_tokenizer":null,"post_processor":null,"decoder":null,'
            '"model":{"type":"WordLevel","vocab":{"<unk>":0,"<pad>":1,"<bos>":2},"unk_token":"<unk>"}}'
        ),
        unk_token="<unk>",
    )
    with pytest.raises(ValueError, match="tokenizer: got one without <image> <eoc>, expected a fast one"):
        interleaved(2, 0, images_per_document=1, tokenizer=bare)
