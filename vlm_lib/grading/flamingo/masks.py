"""Checkers for which image a token sees: phi and the last-image mask.

Source: Flamingo, section 2.3 (arXiv 2204.14198v2). Chapter: 34_flamingo.
"""

import torch
from torch import Tensor

from vlm_lib.attention.masks import image_index, last_image_mask
from vlm_lib.grading.kit import Case, Mistake, Task, no_loop


def _text_only(is_image: Tensor) -> list[Tensor]:
    return [phi[~tags] for phi, tags in zip(image_index(is_image), is_image, strict=True)]


def _position_of_last(is_image: Tensor) -> Tensor:
    positions = torch.arange(is_image.shape[1]).expand_as(is_image)
    return torch.where(is_image, positions, 0).cummax(dim=1).values


PHI_MISTAKES = {
    "strictly_before": Mistake(
        lambda tags: image_index(tags) - tags.long(),
        "Your phi counts only images strictly before the position; the tag itself should count its own image.",
    ),
    "text_only": Mistake(
        _text_only,
        "You return phi at text positions only (the notes' version). Tags are tokens of the sequence as well: "
        "one value for every position.",
    ),
    "from_one": Mistake(
        lambda tags: image_index(tags) + 1, "Your phi starts at 1; before the first image it is 0."
    ),
    "from_minus_one": Mistake(
        lambda tags: image_index(tags) - 1,
        "Your phi is -1 before the first image. Images are numbered from 1, and 0 stands for 'none yet'.",
    ),
    "zero_at_tags": Mistake(
        lambda tags: image_index(tags).masked_fill(tags, 0),
        "Your phi is right at text positions but 0 at the tags: a tag sees its own image.",
    ),
    "across_sequences": Mistake(
        lambda tags: tags.flatten().cumsum(0).view(tags.shape),
        "Your count goes on from one sequence of the batch into the next.",
    ),
    "wrong_axis": Mistake(
        lambda tags: tags.cumsum(dim=0), "You count along the batch instead of along the sequence."
    ),
    "total": Mistake(
        lambda tags: tags.sum(dim=1, keepdim=True).expand(tags.shape),
        "You count all images of the sequence at every position; a position cannot see images that come later.",
    ),
    "any_yet": Mistake(
        lambda tags: tags.long().cummax(dim=1).values, "Your phi stays at 1 after the first image."
    ),
    "position_of_last": Mistake(
        _position_of_last,
        "You return the position of the last image; phi is its number: 1 for the first image, 2 for the second.",
    ),
    "only_tags": Mistake(lambda tags: tags.long(), "You mark where the images stand, but do not count them."),
    "counts_text": Mistake(lambda tags: image_index(~tags), "You count text tokens instead of images."),
}


def phi_cases(seed: int = 0) -> list[Case]:
    """Sequences of several lengths: text first, image first, tags side by side, and one without any image."""
    rng = torch.Generator().manual_seed(seed)
    drawn = torch.rand(3, 9, generator=rng) < 0.35
    drawn[0, :3] = torch.tensor([False, True, True])
    drawn[1, :2] = torch.tensor([True, False])
    drawn[2] = False
    single = (torch.rand(1, 6, generator=rng) < 0.3) | (torch.arange(6) == 2)
    return [(drawn,), (single,), (torch.tensor([[False, True, False, True, True, False]]),)]


check_phi = Task(
    name="phi",
    asks='answer(is_image: Bool["batch seq"]) -> Int["batch seq"]: the number of the last image at each position',
    right=image_index,
    mistakes=PHI_MISTAKES,
    cases=phi_cases,
    demands=[no_loop(lambda seq: (torch.arange(seq)[None] % 3 == 1,))],
    praise="every position has the number of its last image, tags included, 0 where there is none.",
)


def _columns(images: int, tokens: int) -> Tensor:
    return torch.arange(1, images + 1).repeat_interleave(tokens)


def _by_position(phi: Tensor, images: int, tokens: int) -> Tensor:
    rows = torch.arange(phi.shape[1]) // tokens + 1
    return (rows[:, None] == _columns(images, tokens)).expand(*phi.shape, -1)


MASK_MISTAKES = {
    "all_previous": Mistake(
        lambda phi, images, tokens: phi[..., None] >= _columns(images, tokens),
        "You allow all previous images (phi >= image). The last-image mask allows image number phi alone.",
    ),
    "from_zero": Mistake(
        lambda phi, images, tokens: phi[..., None] == _columns(images, tokens) - 1,
        "Off by one: you number the images from 0, so phi = 1 sees the second image and phi = 0 the first. "
        "phi counts from 1.",
    ),
    "one_too_early": Mistake(
        lambda phi, images, tokens: phi[..., None] == _columns(images, tokens) + 1,
        "Off by one: your rows see image phi - 1, the one before the last.",
    ),
    "clamped": Mistake(
        lambda phi, images, tokens: phi.clamp(min=1)[..., None] == _columns(images, tokens),
        "Rows with phi = 0 attend to the first image. It comes later in the text: such a row must be all False.",
    ),
    "empty_sees_all": Mistake(
        lambda phi, images, tokens: (phi[..., None] == _columns(images, tokens)) | (phi[..., None] == 0),
        "Rows with phi = 0 attend to every image. Before the first image there is nothing to see: all False.",
    ),
    "interleaved": Mistake(
        lambda phi, images, tokens: phi[..., None] == torch.arange(images * tokens) % images + 1,
        "Your columns run through the images token by token. All tokens of image 1 come first, then image 2.",
    ),
    "inverted": Mistake(
        lambda phi, images, tokens: phi[..., None] != _columns(images, tokens),
        "Your mask is inverted: True means 'may attend'.",
    ),
    "by_position": Mistake(
        _by_position,
        "You derive the image from the position (position // tokens_per_image, the notes' version). "
        "Text and images do not alternate in step: use phi.",
    ),
    "first_token_only": Mistake(
        lambda phi, images, tokens: torch.arange(images * tokens) == (phi[..., None] - 1) * tokens,
        "Each row sees only the first visual token of its image; it should see all of them.",
    ),
}


def mask_cases(seed: int = 0) -> list[Case]:
    """phi of two sequences with rows before the first image, an image that no text follows, and one never used."""
    rng = torch.Generator().manual_seed(seed)
    tags = torch.rand(2, 8, generator=rng) < 0.3
    tags[0, :3], tags[1, 0] = torch.tensor([False, True, True]), False
    tags[:, 7] = False
    phi = tags.long().cumsum(dim=1)
    return [
        (phi, int(phi.max()) + 1, 3),
        (torch.tensor([[0, 0, 1, 2, 2]]), 2, 2),
        (torch.tensor([[0, 1, 1]]), 1, 4),
    ]


check_last_image_mask = Task(
    name="last-image mask",
    asks='answer(phi, num_images, tokens_per_image) -> Bool["batch seq images*tokens"]: True = may attend',
    right=last_image_mask,
    mistakes=MASK_MISTAKES,
    cases=mask_cases,
    praise="each row sees exactly the tokens of its last image, and rows before the first image see nothing.",
)
