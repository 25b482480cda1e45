"""The share of attribute words, and how far predictions move, on models whose answers are known beforehand."""

import pytest
import torch

from vlm_lib.data.documents import interleaved
from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.evaluation.pages import attribute_accuracy, prediction_shift
from vlm_lib.training.pages import Pages

TOKENIZER = world_tokenizer(worlds=("scenes",))


@pytest.fixture(scope="module")
def pages():
    documents = interleaved(20, 3, images_per_document=2, tokenizer=TOKENIZER, caption="short")
    return Pages(documents, torch.rand(20, 2, 1, 1))


def always(word):
    index = TOKENIZER.convert_tokens_to_ids(word)
    return lambda ids, features: torch.eye(len(TOKENIZER))[index].expand(*ids.shape, -1)


def test_accuracy_of_a_model_that_says_one_word(pages):
    ids, answers = pages.documents.input_ids, pages.documents.answer_mask
    for word in ("red", "circle", "."):
        share = (ids[answers] == TOKENIZER.convert_tokens_to_ids(word)).float().mean().item()
        assert attribute_accuracy(always(word), pages) == pytest.approx(share)
    assert attribute_accuracy(always("."), pages) == 0  # no attribute word, however often it stands there


def test_accuracy_of_a_model_that_knows_the_next_word(pages):
    def oracle(ids, features):
        return torch.eye(len(TOKENIZER))[ids.roll(-1, dims=1)]

    assert attribute_accuracy(oracle, pages) == 1


def test_shift_is_the_divergence_at_the_asked_positions_and_nowhere_else(pages):
    """A model of two words whose odds are its first image's feature: p against p' by hand."""
    changed = pages.with_image_exchanged(1)

    def model(ids, features, mask=None):
        p = features[:, :1, 0, 0] * 0.8 + 0.1  # the same at all positions but the first, where nothing is known
        p = p.expand(-1, ids.shape[1]).clone()
        p[:, 0] = 0.5
        return torch.stack([p, 1 - p], dim=-1).log()

    at = torch.zeros(pages.documents.input_ids.shape, dtype=torch.bool)
    at[:, 4] = True
    p, q = (x.features[:, 0, 0, 0] * 0.8 + 0.1 for x in (pages, changed))
    by_hand = (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean().item()
    assert prediction_shift(model, pages, changed, at) == pytest.approx(by_hand, rel=1e-4)
    first = torch.zeros_like(at)
    first[:, 0] = True
    assert prediction_shift(model, pages, changed, first) == 0


def test_shift_refuses_other_words(pages):
    with pytest.raises(ValueError, match="changed has other words"):
        prediction_shift(always("red"), pages, pages[list(range(19, -1, -1))], pages.documents.is_image)
