"""Checkers for CoCa's decoder: who may look at whom in its lower half, and how captions end.

Source: Yu et al. 2022, section 3.2 (arXiv 2205.01917). Chapter: 35_coca.
"""

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task
from vlm_lib.models.decoupled import cls_mask


def _changed(is_padding: Tensor, row: Tensor | None = None, column: Tensor | None = None) -> Tensor:
    """The right mask with another last row, or with another last column above its corner."""
    mask = cls_mask(is_padding).clone()
    if row is not None:
        mask[:, -1] = row
    if column is not None:
        mask[:, :-1, -1] = column
    return mask


def _with_itself(is_padding: Tensor, sees: bool = True) -> Tensor:
    return torch.cat([~is_padding, torch.full((len(is_padding), 1), sees)], dim=1)


MASK_MISTAKES = {
    "plain_causal": Mistake(
        lambda is_padding: _changed(is_padding, row=torch.ones(is_padding.shape[1] + 1, dtype=torch.bool)),
        "[CLS] sees padding, so the text's vector changes with how much of it there is.",
    ),
    "shifted": Mistake(
        lambda is_padding: _changed(is_padding, row=_with_itself(is_padding).roll(1, dims=1)),
        "The row of [CLS] is shifted by one: it sees a padding token, not itself. OpenCLIP's first CoCa did this.",
    ),
    "not_itself": Mistake(
        lambda is_padding: _changed(is_padding, row=_with_itself(is_padding, sees=False)),
        "[CLS] does not see itself.",
    ),
    "seen_by_all": Mistake(
        lambda is_padding: _changed(is_padding, column=torch.ones((), dtype=torch.bool)),
        "Words see [CLS], and through it every word that comes after them: the answers leak into the captions.",
    ),
    "inverted": Mistake(
        lambda is_padding: ~cls_mask(is_padding), "It is the other way round: True is to mean `may attend`."
    ),
    "cls_first": Mistake(
        lambda is_padding: cls_mask(is_padding).roll((1, 1), dims=(1, 2)),
        "[CLS] stands last, behind the text, not first.",
    ),
    "two_ways": Mistake(
        lambda is_padding: _changed(is_padding) | _words_both_ways(is_padding),
        "Words see the words after them. The lower half is causal, or captions could be copied.",
    ),
}


def _words_both_ways(is_padding: Tensor) -> Tensor:
    mask = torch.zeros_like(cls_mask(is_padding))
    mask[:, :-1, :-1] = True
    return mask


def mask_cases(seed: int = 0) -> list[Case]:
    """Texts of several lengths in one batch; a text that fills its row stands beside others."""
    rng = torch.Generator().manual_seed(seed)
    lengths = 1 + torch.randperm(5, generator=rng)[:3]
    padding = torch.arange(6 + int(torch.randint(4, (1,), generator=rng))) >= lengths[:, None]
    return [(padding,), (torch.arange(4) >= torch.tensor([[4], [1]]),)]


check_cls_mask = Task(
    name="mask with [CLS]",
    asks='answer(is_padding: Bool["batch seq"]) -> Bool["batch seq+1 seq+1"], True = may attend; [CLS] is last',
    right=cls_mask,
    mistakes=MASK_MISTAKES,
    cases=mask_cases,
    praise="words see what stands before them, [CLS] sees all words and itself, and nobody sees [CLS].",
)


def _next(logits: Tensor, done: Tensor, pad_id: int) -> Tensor:
    return logits[:, -1].argmax(dim=-1).masked_fill(done, pad_id)


NEXT_MISTAKES = {
    "goes_on": Mistake(
        lambda logits, done, pad_id: logits[:, -1].argmax(dim=-1),
        "Captions that have ended go on. They get padding.",
    ),
    "first_position": Mistake(
        lambda logits, done, pad_id: logits[:, 0].argmax(dim=-1).masked_fill(done, pad_id),
        "You read the logits of the first position. The newest word stands last.",
    ),
    "all_done": Mistake(
        lambda logits, done, pad_id: logits[:, -1].argmax(dim=-1).masked_fill(~done, pad_id),
        "You pad the captions that go on, and let those go on that have ended.",
    ),
    "unlikeliest": Mistake(
        lambda logits, done, pad_id: logits[:, -1].argmin(dim=-1).masked_fill(done, pad_id),
        "That is the unlikeliest token.",
    ),
    "stops_everything": Mistake(
        lambda logits, done, pad_id: (
            torch.full((len(logits),), pad_id) if done.any() else logits[:, -1].argmax(dim=-1)
        ),
        "One caption that has ended ends all others. Each ends by itself.",
    ),
}


def next_cases(seed: int = 0) -> list[Case]:
    """Three captions, of which some have ended; no position prefers the padding or what another one prefers."""
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 4, 9, generator=rng)
    for caption in range(3):
        order = 1 + torch.randperm(8, generator=rng)
        logits[caption, 0, order[0]] = logits[caption, -1, order[1]] = 9
        logits[caption, -1, order[2]] = -9
    return [(logits, torch.tensor([False, True, False]), 0), (logits, torch.zeros(3, dtype=torch.bool), 0)]


check_next_tokens = Task(
    name="next tokens",
    asks='answer(logits: Float["batch seq vocab"], done: Bool["batch"], pad_id: int) -> Int["batch"]',
    right=_next,
    placeholder=lambda logits, done, pad_id: torch.full((len(logits),), pad_id),
    mistakes=NEXT_MISTAKES,
    cases=next_cases,
    praise="each caption goes on with its likeliest token until it has ended.",
)
