"""Pages: documents that keep their features beside them, and the loss that counts text alone."""

import math

import pytest
import torch

from vlm_lib.data.documents import interleaved
from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.training.pages import page_loss, read, text_loss

TOKENIZER = world_tokenizer(worlds=("scenes",))


def brightness(images):
    """A tower: the mean colour of an image, as two equal tokens. [n 3 h w] -> [n 2 3]."""
    return images.float().mean(dim=(2, 3))[:, None].expand(-1, 2, -1)


@pytest.fixture(scope="module")
def pages():
    documents = interleaved(12, 3, images_per_document=(1, 3), tokenizer=TOKENIZER, caption="short")
    return read(documents, brightness)


def test_features_stay_beside_the_documents_that_they_belong_to(pages):
    some = pages[[5, 2]]
    assert len(some) == 2
    for row, source in enumerate((5, 2)):
        for image in range(3):
            expected = pages.documents.images[source, image].float().mean(dim=(1, 2))
            torch.testing.assert_close(some.features[row, image, 0], expected)


def test_blind_and_exchanged_pages_keep_their_words_and_change_only_what_they_say(pages):
    ids = pages.documents.input_ids
    blind, others, second = pages.blind(), pages.with_images_of_others(4), pages.with_image_exchanged(2)
    assert all(p.documents.input_ids is ids for p in (blind, others, second))
    assert not blind.features.any()
    moved = (others.features != pages.features).flatten(1).any(dim=1)
    assert moved.all()
    assert sorted(map(str, others.features.tolist())) == sorted(map(str, pages.features.tolist()))
    same = [torch.equal(second.features[:, i], pages.features[:, i]) for i in range(3)]
    assert same == [True, False, True]
    assert torch.equal(second.features[3, 1], pages.features[2, 1])


def test_batches_are_the_same_for_equal_seeds_and_differ_by_step_and_seed(pages):
    first, again, other = pages.batches(8, 1), pages.batches(8, 1), pages.batches(8, 2)
    ids = lambda batch: batch.documents.input_ids  # noqa: E731
    assert torch.equal(ids(first(3)), ids(again(3)))
    assert not torch.equal(ids(first(3)), ids(first(4)))
    assert not torch.equal(ids(first(3)), ids(other(3)))


def test_text_loss_counts_text_alone(pages):
    """Certain of every word of the text, wrong about all else: costs nothing. Even odds: ln(vocabulary)."""
    documents, vocabulary = pages.documents, len(TOKENIZER)
    target = documents.input_ids.roll(-1, dims=1)
    counted = documents.loss_mask.roll(-1, dims=1)
    said = torch.where(counted, target, (target + 1) % vocabulary)
    logits = 100.0 * torch.nn.functional.one_hot(said, vocabulary).float()
    assert text_loss(logits, documents).item() == pytest.approx(0.0, abs=1e-5)
    assert text_loss(torch.zeros_like(logits), documents).item() == pytest.approx(math.log(vocabulary), rel=1e-5)
    assert page_loss(lambda ids, features: logits, pages).item() == pytest.approx(0.0, abs=1e-5)
