"""Class vectors from prompts: the formula, the protocol of CLIP's notebook, and what is refused."""

import pytest
import torch
import torch.nn.functional as F

from vlm_lib.evaluation.zero_shot import class_vectors, classify, prompts

WORDS = {"a": [1.0, 0.0], "b": [0.0, 1.0], "c": [-1.0, 0.0]}


def encode(texts):
    """A text is the mean direction of its letters; every other sign counts for nothing."""
    return F.normalize(
        torch.tensor([[sum(v) for v in zip(*(WORDS[w] for w in t if w in WORDS), strict=True)] for t in texts]),
        dim=1,
    )


def test_prompts_puts_every_class_into_every_template():
    assert prompts(["a", "b"], ["{} .", "see {}"]) == [["a .", "see a"], ["b .", "see b"]]


def test_a_class_vector_is_the_normalised_mean_of_unit_vectors():
    found = class_vectors(encode, [["a", "b"], ["c"]])
    torch.testing.assert_close(found, torch.tensor([[0.5**0.5, 0.5**0.5], [-1.0, 0.0]]))


def test_one_prompt_is_its_own_class_vector():
    torch.testing.assert_close(class_vectors(encode, [["a"], ["b"]]), encode(["a", "b"]))


def test_same_as_the_protocol_of_clip_written_out():
    """Each prompt to length 1, the mean, and again to length 1; then the largest product wins."""
    generator = torch.Generator().manual_seed(0)
    table = {f"{t}{c}": torch.randn(8, generator=generator) for c in "xyz" for t in "123"}

    def unit(texts):
        return F.normalize(torch.stack([table[t] for t in texts]), dim=1)

    weights = []
    for c in "xyz":
        each = unit([f"{t}{c}" for t in "123"])
        mean = each.mean(dim=0)
        weights.append(mean / mean.norm())
    images = F.normalize(torch.randn(50, 8, generator=generator), dim=1)
    expected = (100 * images @ torch.stack(weights, dim=1)).argmax(dim=1)
    found = class_vectors(unit, prompts(["x", "y", "z"], ["1{}", "2{}", "3{}"]))
    assert torch.equal(classify(images, found), expected)


def test_lengths_do_not_decide():
    assert classify(torch.tensor([[3.0, 1.0]]), torch.tensor([[0.0, 100.0], [0.1, 0.0]])).tolist() == [1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], ["no place"]), "templates: got 'no place'"),
        ((["a"], ["{} {}"]), "templates: got '{} {}'"),
        ((["a"], []), r"templates: got \[\]"),
        (([], ["{}"]), r"classes: got \[\]"),
        (("a", ["{}"]), "classes: got 'a'"),
        ((["a"], "{}"), "templates: got '{}'"),
    ],
)
def test_prompts_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        prompts(*arguments)


@pytest.mark.parametrize("texts", [[], [["a"], []]])
def test_class_vectors_refuses_a_class_without_prompts(texts):
    with pytest.raises(ValueError, match="texts: got"):
        class_vectors(encode, texts)


@pytest.mark.parametrize(
    ("images", "classes", "message"),
    [
        (torch.ones(2, 3), torch.ones(2, 4), "classes has shape"),
        (torch.ones(0, 3), torch.ones(2, 3), "image_features is an empty batch"),
        (torch.ones(2, 3), torch.full((2, 3), float("nan")), "classes must be finite"),
        (torch.full((2, 3), float("inf")), torch.ones(2, 3), "image_features must be finite"),
    ],
)
def test_classify_refuses(images, classes, message):
    with pytest.raises(ValueError, match=message):
        classify(images, classes)
