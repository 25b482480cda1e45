"""Checkers for a visual prefix: its vectors, their place, what is predicted, and what the gradient reaches.

Source: Tsimpoukelli et al. 2021, section 3 (arXiv 2106.13884). Chapter: 21_frozen.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.kit import Case, Look, Mistake, Task, no_loop
from vlm_lib.models.frozen import splice, targets


def _prefix(features: Tensor, weight: Tensor, bias: Tensor, tokens: int) -> Tensor:
    return F.linear(features, weight, bias).unflatten(1, (tokens, -1))


PREFIX_MISTAKES = {
    "columns": Mistake(
        lambda features, weight, bias, tokens: (
            F.linear(features, weight, bias).unflatten(1, (-1, tokens)).transpose(1, 2)
        ),
        "You deal the numbers out in turn. The first `width` numbers are the first vector.",
    ),
    "repeated": Mistake(
        lambda features, weight, bias, tokens: _prefix(features, weight, bias, tokens)[:, :1].repeat(1, tokens, 1),
        "All vectors of an image are the same one: the linear map has numbers for each.",
    ),
    "no_bias": Mistake(
        lambda features, weight, bias, tokens: F.linear(features, weight).unflatten(1, (tokens, -1)),
        "The bias is missing.",
    ),
    "normalised": Mistake(
        lambda features, weight, bias, tokens: F.normalize(_prefix(features, weight, bias, tokens), dim=-1),
        "You normalise; the vectors take whatever length the LM answers to.",
    ),
    "flat": Mistake(
        lambda features, weight, bias, tokens: F.linear(features, weight, bias),
        "One long vector for each image: cut it into `tokens` vectors.",
    ),
}


def prefix_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=rng)  # noqa: E731
    return [(draw(4, 5), draw(6, 5), draw(6), 2), (draw(1, 3), draw(8, 3), draw(8), 4)]


check_visual_prefix = Task(
    name="visual prefix",
    asks='answer(features: Float["n features"], weight, bias, tokens: int) -> Float["n tokens width"]',
    right=_prefix,
    mistakes=PREFIX_MISTAKES,
    gradients=("features", "weight", "bias"),
    cases=prefix_cases,
    praise="one linear map, cut into as many vectors as an image has tokens.",
)


def _refilled(words: Tensor, prefixes: Tensor, is_image: Tensor) -> Tensor:
    return splice(words, prefixes, is_image)


def _by_columns(words: Tensor, prefixes: Tensor, is_image: Tensor) -> Tensor:
    filled = splice(words.transpose(0, 1), prefixes, is_image.T.contiguous())
    return filled.transpose(0, 1)


SPLICE_MISTAKES = {
    "added": Mistake(
        lambda words, prefixes, is_image: words * 1.0 + splice(torch.zeros_like(words), prefixes, is_image),
        "You add the image to the embedding of <image>; it takes that embedding's place.",
    ),
    "first_image": Mistake(
        lambda words, prefixes, is_image: splice(words, prefixes[:1].expand_as(prefixes).contiguous(), is_image),
        "Every place gets the first image.",
    ),
    "backwards": Mistake(
        lambda words, prefixes, is_image: splice(words, prefixes.flip(1), is_image),
        "The vectors of an image stand in reverse order.",
    ),
    "last_first": Mistake(
        lambda words, prefixes, is_image: splice(words, prefixes.flip(0), is_image),
        "The images stand in reverse order; the first image belongs to the first place.",
    ),
    "by_columns": Mistake(
        _by_columns, "You fill position by position over the batch. Fill text by text: reading order."
    ),
    "untouched": Mistake(lambda words, prefixes, is_image: words.clone(), "No image has arrived in the text."),
}


def splice_cases(seed: int = 0) -> list[Case]:
    """Texts whose images stand at different places, and one image alone."""
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=rng)  # noqa: E731
    where = torch.tensor([[0, 1, 1, 0, 0, 1, 1, 0], [0, 0, 1, 1, 0, 0, 1, 1]]).bool()
    return [
        (draw(2, 8, 3), draw(4, 2, 3), where),
        (draw(1, 4, 3), draw(1, 3, 3), torch.tensor([[0, 1, 1, 1]]).bool()),
    ]


check_splice = Task(
    name="splice",
    asks='answer(words: Float["batch seq width"], prefixes: Float["images tokens width"], is_image) -> like words',
    right=_refilled,
    mistakes=SPLICE_MISTAKES,
    gradients=("words", "prefixes"),
    cases=splice_cases,
    praise="each image stands in its place, in reading order, and the words are untouched.",
    demands=(
        no_loop(
            lambda seq: (torch.ones(1, seq, 2), torch.ones(seq // 2, 1, 2), torch.arange(seq)[None] < seq // 2)
        ),
    ),
)

IMAGE_ID, PAD_ID, IGNORED = 4, 0, -100


def _targets(ids: Tensor, image_id: int, pad_id: int) -> Tensor:
    return targets(ids, image_id=image_id, pad_id=pad_id)


def _wrong_side(ids: Tensor, image_id: int, pad_id: int) -> Tensor:
    before, after = ids[:, :-1], ids[:, 1:]
    return after.masked_fill((before == image_id) | (before == pad_id), IGNORED)


TARGET_MISTAKES = {
    "not_shifted": Mistake(
        lambda ids, image_id, pad_id: ids[:, :-1].masked_fill(
            (ids[:, :-1] == image_id) | (ids[:, :-1] == pad_id), IGNORED
        ),
        "Each position is asked for its own token, which it sees. It predicts the next one.",
    ),
    "images_count": Mistake(
        lambda ids, image_id, pad_id: ids[:, 1:].masked_fill(ids[:, 1:] == pad_id, IGNORED),
        "Image places count as targets: the LM would learn to announce pictures.",
    ),
    "padding_counts": Mistake(
        lambda ids, image_id, pad_id: ids[:, 1:].masked_fill(ids[:, 1:] == image_id, IGNORED),
        "Padding counts as a target.",
    ),
    "wrong_side": Mistake(
        _wrong_side,
        "You leave out what an image *predicts*. Its last vector predicts the first word, and that is the point: "
        "leave out where an image is *to be predicted*.",
    ),
    "all": Mistake(lambda ids, image_id, pad_id: ids[:, 1:].clone(), "Images and padding count; only words do."),
}


def target_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    words = torch.randint(5, 90, (2, 9), generator=rng)
    words[0, [1, 2, 5, 6]] = words[1, [1, 2]] = IMAGE_ID
    words[1, 7:] = PAD_ID
    return [(words, IMAGE_ID, PAD_ID)]


check_prompt_targets = Task(
    name="prompt_targets",
    asks='answer(ids: Int["batch seq"], image_id: int, pad_id: int) -> Int["batch seq-1"]',
    right=_targets,
    placeholder=lambda ids, image_id, pad_id: torch.full_like(ids[:, 1:], IGNORED),
    mistakes=TARGET_MISTAKES,
    cases=target_cases,
    praise="the next word where there is one; no image and no padding is a target.",
)


def _loss(prefix: Tensor, words: Tensor, lm: Tensor, wanted: Tensor) -> Tensor:
    """A language model of one matrix: it reads prefix and words, and predicts one token."""
    return F.cross_entropy(torch.cat([prefix, words], dim=1).mean(dim=1) @ lm.detach(), wanted)


LOSS_MISTAKES = {
    "without_prefix": Mistake(
        lambda prefix, words, lm, wanted: F.cross_entropy(words.mean(dim=1) @ lm.detach(), wanted),
        "The prefix does not enter: the LM reads the words alone.",
    ),
    "summed": Mistake(
        lambda prefix, words, lm, wanted: _loss(prefix, words, lm, wanted) * len(wanted),
        "You sum; the loss is the mean over examples.",
    ),
}
GRADIENT_MISTAKES = {
    "lm_trained": Mistake(
        lambda prefix, words, lm, wanted: F.cross_entropy(torch.cat([prefix, words], 1).mean(1) @ lm, wanted),
        "The LM gets a gradient: it is not frozen. Detach its weights, not its output.",
    ),
    "cut": Mistake(
        lambda prefix, words, lm, wanted: _loss(prefix.detach(), words, lm, wanted),
        "No gradient reaches the prefix. The LM is frozen, but the gradient has to pass through it.",
    ),
}


def loss_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=rng)  # noqa: E731
    return [(draw(3, 2, 4), draw(3, 5, 4), draw(4, 7), torch.randint(7, (3,), generator=rng))]


def _both_gradients(answer: Callable, prefix: Tensor, words: Tensor, lm: Tensor, wanted: Tensor) -> Tensor:
    """What comes back to the prefix and to the LM, in one row, 0 where nothing does."""
    inputs = [prefix.clone().requires_grad_(), lm.clone().requires_grad_()]
    out = answer(inputs[0], words, inputs[1], wanted)
    if not out.requires_grad:
        return torch.zeros(prefix.numel() + lm.numel())
    return torch.cat([g.flatten() for g in torch.autograd.grad(out, inputs, materialize_grads=True)])


check_frozen_loss = Task(
    name="a frozen LM's loss",
    asks="answer(prefix, words, lm, wanted) -> the loss; its gradient reaches the prefix and not the LM",
    right=_loss,
    mistakes=LOSS_MISTAKES,
    then=[Look(GRADIENT_MISTAKES, use=_both_gradients)],
    cases=loss_cases,
    praise="the gradient passes through the LM to the prefix, and leaves the LM as it is.",
)
