"""Checker for the prefix-LM mask: both ways inside the prefix, causal after it.

Source: SimVLM, section 3.1 (arXiv 2108.10904). Chapter: 03_attention.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vlm_lib.attention.masks import prefix_lm_mask
from vlm_lib.grading.kit import Case, Mistake, Task, no_loop


def _by_rule(rule: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable:
    """A mask from a rule on row i, column j and prefix length P, all broadcast to [batch seq seq]."""

    def run(prefix_len: Tensor, seq: int) -> Tensor:
        at = torch.arange(seq)
        i, j, length = torch.broadcast_tensors(at[:, None], at, prefix_len[:, None, None])
        return rule(i, j, length)

    return run


def _with_length(change: Callable[[Tensor, int], Tensor]) -> Callable:
    """The right mask of other prefix lengths."""
    return lambda prefix_len, seq: prefix_lm_mask(change(prefix_len, seq), seq)


PREFIX_MISTAKES = {
    "causal": Mistake(
        _by_rule(lambda i, j, length: j <= i),
        "Your mask is causal in the prefix as well. There every position sees the whole prefix, both ways.",
    ),
    "prefix_sees_all": Mistake(
        _by_rule(lambda i, j, length: (j <= i) | (i < length)),
        "Your prefix rows see the whole sequence, so the text leaks into the prefix. They end where it ends.",
    ),
    "one_more": Mistake(
        _with_length(lambda length, seq: (length + 1).clamp(max=seq)),
        "Off by one: your prefix is a position too long. It holds positions 0 to prefix_len - 1.",
    ),
    "one_less": Mistake(
        _with_length(lambda length, seq: (length - 1).clamp(min=0)),
        "Off by one: your prefix is a position too short. It holds positions 0 to prefix_len - 1.",
    ),
    "first_length": Mistake(
        _with_length(lambda length, seq: length[:1].expand_as(length)),
        "You use the prefix length of the first example for the whole batch.",
    ),
    "longest": Mistake(
        _with_length(lambda length, seq: length.max().expand_as(length)),
        "You use the longest prefix of the batch for every example.",
    ),
    "blind_text": Mistake(
        _by_rule(lambda i, j, length: (j <= i) & (j >= length) | (i < length) & (j < length)),
        "Your text does not see the prefix: whatever the image says is lost to it.",
    ),
    "prefix_alone": Mistake(
        _by_rule(lambda i, j, length: (i < length) & (j < length)),
        "Your mask has the prefix only: the rows of the text see nothing.",
    ),
    "no_earlier_text": Mistake(
        _by_rule(lambda i, j, length: j < length),
        "Your text sees the prefix but no text, not even itself: the causal part is missing.",
    ),
    "not_itself": Mistake(
        _by_rule(lambda i, j, length: (j < i) | (j < length)),
        "Your text positions do not see themselves: causal means at or before.",
    ),
    "both_ways": Mistake(
        _by_rule(lambda i, j, length: torch.ones_like(i, dtype=torch.bool)),
        "Every position sees every other. After the prefix, a position sees nothing that comes later.",
    ),
    "transposed": Mistake(
        _by_rule(lambda i, j, length: (i <= j) | (i < length)),
        "Rows and columns are exchanged: a row says what its position may see.",
    ),
    "inverted": Mistake(
        _by_rule(lambda i, j, length: (j > i) & (j >= length)), "Your mask is inverted: True means 'may attend'."
    ),
    "additive": Mistake(
        _by_rule(lambda i, j, length: torch.zeros(i.shape).masked_fill((j > i) & (j >= length), -torch.inf)),
        "You return what is added to the scores, 0 and -inf. The mask is boolean: True means 'may attend'.",
    ),
}


def prefix_cases(seed: int = 0) -> list[Case]:
    """Prefix lengths that differ within a batch, none and the whole sequence among them; one example alone."""
    rng = torch.Generator().manual_seed(seed)
    drawn = 2 + torch.randperm(4, generator=rng)[:3]
    return [(drawn, 7), (torch.tensor([3, 0, 5]), 5), (torch.tensor([2]), 4)]


check_prefix_lm_mask = Task(
    name="prefix-LM mask",
    asks='answer(prefix_len: Int["batch"], seq) -> Bool["batch seq seq"]: True = may attend',
    right=prefix_lm_mask,
    mistakes=PREFIX_MISTAKES,
    cases=prefix_cases,
    demands=[no_loop(lambda seq: (torch.tensor([2]), seq))],
    praise="both ways inside each prefix, causal after it.",
)
