"""A prefix before a frozen LM: against the LM itself, run by hand a caption at a time."""

import pytest
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.models.prefix import IGNORE, PrefixCaptioner, PrefixMapper
from vlm_lib.training.weights import state_digest

TEXTS = ["a red circle .", "star", "a small blue star above a ring ."]
FEATURES, WIDTH, LENGTH = 6, 16, 3


def _captioner(**options):
    tokenizer = world_tokenizer()
    sizes = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    lm = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes, num_key_value_heads=1))
    nn.init.normal_(lm.lm_head.weight)  # far from uniform, so that a shifted position shows
    mapper = PrefixMapper(FEATURES, WIDTH, LENGTH, hidden=8, dropout=0.5, **options)
    return PrefixCaptioner(nn.Identity(), mapper, lm, tokenizer)


@pytest.fixture
def captioner():
    model = _captioner()
    nn.init.normal_(model.mapper.mlp[-1].weight)
    return model


@pytest.fixture
def features():
    return torch.randn(len(TEXTS), FEATURES)


def _by_hand(model, feature, text):
    """-log p of each token of one caption, <eos> included, by running the LM on ever longer inputs."""
    ids = [*model.tokenizer(text).input_ids, model.tokenizer.eos_token_id]
    inputs, terms = model.mapper(feature[None])[0], []
    for token in ids:
        logits = model.lm(inputs_embeds=inputs[None]).logits[0, -1]
        terms.append(-logits.log_softmax(dim=0)[token])
        inputs = torch.cat([inputs, model.lm.get_input_embeddings()(torch.tensor([token]))])
    return torch.stack(terms)


def test_surprise_and_loss_are_the_lms_own(captioner, features):
    terms = [_by_hand(captioner, *pair) for pair in zip(features, TEXTS, strict=True)]
    expected = torch.stack([each.sum() for each in terms])
    assert torch.allclose(captioner.surprise(features, TEXTS), expected, atol=1e-4)
    loss = captioner.loss(features, captioner.targets(TEXTS))
    assert torch.allclose(loss, torch.cat(terms).mean(), atol=1e-5)  # of tokens, not of captions


def test_padding_changes_nothing(captioner, features):
    together = captioner.surprise(features, TEXTS)
    alone = torch.cat([captioner.surprise(features[i : i + 1], [text]) for i, text in enumerate(TEXTS)])
    assert torch.allclose(together, alone, atol=1e-5)
    assert (captioner.targets(TEXTS)[1] == IGNORE).sum() == len(captioner.targets(TEXTS)[0]) - 2


def test_the_first_prefix_is_the_text_it_starts_from():
    model = _captioner(scale=0.3)
    words = torch.tensor(model.tokenizer("red blue green").input_ids)
    model.mapper.set_start(model.lm.get_input_embeddings()(words))
    features, targets = torch.randn(2, FEATURES), model.targets(["a circle ."]).expand(2, -1)
    whole = torch.cat([words, targets[0]])
    expected = model.lm(input_ids=whole[None]).logits[:, LENGTH - 1 : -1]
    assert torch.allclose(model(features, targets), expected.expand(2, -1, -1), atol=1e-5)


def test_captions_are_the_likeliest_words_one_at_a_time(captioner, features):
    said = captioner.captions(features, max_tokens=5)
    for feature, caption in zip(features, said, strict=True):
        inputs, ids = captioner.mapper(feature[None])[0], []
        while len(ids) < 5 and captioner.tokenizer.eos_token_id not in ids:
            ids.append(int(captioner.lm(inputs_embeds=inputs[None]).logits[0, -1].argmax()))
            inputs = torch.cat([inputs, captioner.lm.get_input_embeddings()(torch.tensor(ids[-1:]))])
        assert caption == captioner.tokenizer.decode(ids, skip_special_tokens=True).strip()
    assert len(set(said)) > 1


def test_another_image_gives_another_prefix_unless_blind(features):
    for blind in (False, True):
        model = _captioner(blind=blind)
        nn.init.normal_(model.mapper.mlp[-1].weight)
        model.mapper.standardize.set_from(features)
        prefix = model.mapper(features)
        assert prefix.shape == (len(TEXTS), LENGTH, WIDTH)
        assert torch.equal(prefix[0], prefix[1]) == blind


def test_only_the_mapper_learns_and_what_is_frozen_stays_in_evaluation_mode(captioner, features):
    frozen = state_digest(captioner.lm.state_dict())
    captioner.train()
    assert captioner.mapper.training
    assert not captioner.lm.training
    assert not captioner.tower.training
    optimizer = torch.optim.AdamW([p for p in captioner.parameters() if p.requires_grad], lr=1e-2)
    targets = captioner.targets(TEXTS)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = captioner.loss(features, targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1
    assert state_digest(captioner.lm.state_dict()) == frozen


def test_bad_input(captioner, features):
    with pytest.raises(ValueError, match=r"features has shape \[3, 5\], expected \[n feature_dim=6\]"):
        captioner.captions(features[:, :5])
    with pytest.raises(ValueError, match="features is an empty batch"):
        captioner.captions(features[:0])
    for texts in ("a red circle", []):
        with pytest.raises(ValueError, match="^texts: got"):
            captioner.targets(texts)
    with pytest.raises(ValueError, match="max_tokens: got 0"):
        captioner.captions(features, max_tokens=0)
    with pytest.raises(ValueError, match="length: got 0"):
        PrefixMapper(FEATURES, WIDTH, 0)
    with pytest.raises(ValueError, match=r"vectors has shape \[2, 16\], expected \[length=3 width=16\]"):
        captioner.mapper.set_start(torch.zeros(2, WIDTH))
