"""A visual prefix in the text of an LM: where it stands, what learns, and what never moves."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transformers import LlavaConfig, LlavaForConditionalGeneration
from transformers.models.clip import CLIPVisionConfig
from transformers.models.llama import LlamaConfig

from vlm_lib.models.frozen import IGNORE, Frozen, VisualPrefix, small_lm, small_trunk, splice, targets

IMAGE, PAD = 4, 0
DOCUMENT = torch.tensor(
    [[1, IMAGE, IMAGE, 7, 8, IMAGE, IMAGE, 9, 3], [1, 7, IMAGE, IMAGE, 8, IMAGE, IMAGE, 3, PAD]]
)


def built(*, tune_lm=False, blind=False, seed=0):
    torch.manual_seed(seed)
    prefix = VisualPrefix(small_trunk(), 96, 16, blind=blind)
    lm = small_lm(20, seed, width=16, layers=2, heads=2)
    return Frozen(prefix, lm, image_id=IMAGE, pad_id=PAD, tune_lm=tune_lm).eval()


@pytest.fixture(scope="module")
def model():
    return built()


@pytest.fixture
def pixels():
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=3), st.integers(1, 2))
def test_splice_is_reading_order(places, tokens):
    is_image = torch.tensor(places).repeat_interleave(tokens, dim=1)
    words = torch.randn(*is_image.shape, 3)
    prefixes = torch.randn(int(torch.tensor(places).sum()), tokens, 3)
    got, vectors = splice(words, prefixes, is_image), iter(prefixes.flatten(0, 1))
    for row in range(len(is_image)):
        for place in range(is_image.shape[1]):
            expected = next(vectors) if is_image[row, place] else words[row, place]
            assert torch.equal(got[row, place], expected)


def test_targets_count_each_word_after_the_first_once():
    got = targets(DOCUMENT, image_id=IMAGE, pad_id=PAD)
    assert got.tolist() == [
        [IGNORE, IGNORE, 7, 8, IGNORE, IGNORE, 9, 3],
        [7, IGNORE, IGNORE, 8, IGNORE, IGNORE, 3, IGNORE],
    ]


def test_loss_is_that_of_transformers_with_image_and_padding_labels_ignored(model, pixels):
    words = model.lm.get_input_embeddings()(DOCUMENT)
    inputs = splice(words, model.prefix(pixels), DOCUMENT == IMAGE)
    labels = DOCUMENT.masked_fill((DOCUMENT == IMAGE) | (DOCUMENT == PAD), IGNORE)
    theirs = model.lm(inputs_embeds=inputs, labels=labels).loss
    torch.testing.assert_close(model.loss(pixels, DOCUMENT), theirs)


def test_given_words_are_read_and_do_not_count(model, pixels):
    with torch.no_grad():
        log = model(pixels, DOCUMENT).log_softmax(dim=-1)
        counted = [-log[0, 6, 9], -log[0, 7, 3], -log[1, 6, 3]]  # DOCUMENT's words from its fifth token on
        torch.testing.assert_close(model.loss(pixels, DOCUMENT, given=5), torch.stack(counted).mean())
    with pytest.raises(ValueError, match="given"):
        model.loss(pixels, DOCUMENT, given=0)


def test_equal_to_llava_with_its_tower_projector_and_lm():
    """Images anywhere in the text, as a public implementation of interleaving has them."""
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=8,
        patch_size=4,
    )
    text = LlamaConfig(
        vocab_size=20, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2
    )
    theirs = LlavaForConditionalGeneration(
        LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE, vision_feature_layer=-1)
    ).eval()

    class TheirPrefix(nn.Module):
        def forward(self, pixels):
            return torch.stack(list(theirs.model.get_image_features(pixels).pooler_output))

    class Lm(nn.Module):
        """Their LM as `Frozen` calls one: the body with its head."""

        def forward(self, inputs_embeds, use_cache):
            states = theirs.model.language_model(inputs_embeds=inputs_embeds, use_cache=use_cache)
            return type("Out", (), {"logits": theirs.lm_head(states.last_hidden_state)})

        def get_input_embeddings(self):
            return theirs.get_input_embeddings()

    ours = Frozen(TheirPrefix(), Lm(), image_id=IMAGE, pad_id=PAD)
    picture = [IMAGE] * 4
    ids = torch.tensor([[1, *picture, 7, 8, *picture, 9], [1, 7, *picture, 8, *picture, 9]])
    pixels = torch.randn(4, 3, 8, 8)
    with torch.no_grad():
        expected = theirs(input_ids=ids, pixel_values=pixels).logits
        torch.testing.assert_close(ours(pixels, ids), expected, atol=1e-5, rtol=1e-5)


def test_training_moves_the_encoder_and_not_one_number_of_a_frozen_lm(pixels):
    model = built()
    before, first = copy.deepcopy(model.lm.state_dict()), model.prefix.trunk[0].weight.detach().clone()
    update = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    model.train()
    model.loss(pixels, DOCUMENT).backward()
    update.step()
    assert not torch.equal(model.prefix.trunk[0].weight, first)
    assert all(torch.equal(before[name], value) for name, value in model.lm.state_dict().items())


def test_a_tuned_lm_moves(pixels):
    model = built(tune_lm=True)
    model.loss(pixels, DOCUMENT).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.lm.parameters() if p.ndim > 1)


def test_a_later_image_changes_nothing_before_it_and_something_after(model, pixels):
    other = pixels.clone()
    other[1] += 1  # the second image of the first text
    with torch.no_grad():
        moved = (model(pixels, DOCUMENT) - model(other, DOCUMENT)).abs().amax(dim=-1)
    assert moved[0, :5].max() < 1e-5 < moved[0, 6:].min()
    assert moved[1].max() < 1e-5


def test_a_blind_model_is_given_black_whatever_it_is_shown(pixels):
    blind = built(blind=True)
    with torch.no_grad():
        assert torch.equal(blind(pixels, DOCUMENT), blind(torch.randn_like(pixels), DOCUMENT))
        blind.prefix.blind = False
        black = blind(torch.full_like(pixels, -1.0), DOCUMENT)
        blind.prefix.blind = True
        torch.testing.assert_close(blind(pixels, DOCUMENT), black)


def test_positions_are_relative(model, pixels):
    """The same words further down a text, behind padding that nobody may attend to, get the same answers."""
    words = torch.tensor([[7, 8, 9, 3]])
    with torch.no_grad():
        near = model.lm(input_ids=words, position_ids=torch.arange(4)[None]).logits
        far = model.lm(input_ids=words, position_ids=100 + torch.arange(4)[None]).logits
    torch.testing.assert_close(near, far, atol=1e-4, rtol=1e-4)


def test_refuses_a_text_with_too_few_places(model, pixels):
    with pytest.raises(ValueError, match="8 places, expected one for each of the 6"):
        model(pixels[:3], DOCUMENT)


def test_refuses_no_tokens():
    with pytest.raises(ValueError, match="tokens"):
        VisualPrefix(small_trunk(), 96, 16, tokens=0)
