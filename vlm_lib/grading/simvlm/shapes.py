"""Checkers for the mask of a prefix LM and for VILA's two-by-two blocks.

Sources: SimVLM, section 3.1 (arXiv 2108.10904); VILA (arXiv 2312.07533), its released projector. Chapter:
12_simvlm.
"""

import torch
from torch import Tensor

from vlm_lib.attention.masks import causal_mask, prefix_lm_mask
from vlm_lib.grading.kit import Case, Mistake, Task
from vlm_lib.models.vila import space_to_channels


def _inside(prefix_len: Tensor, seq: int, last: int = 0) -> Tensor:
    return torch.arange(seq) < prefix_len[:, None] + last


def _causal(prefix_len: Tensor, seq: int) -> Tensor:
    return causal_mask(seq).expand(len(prefix_len), -1, -1)


MASK_MISTAKES = {
    "causal": Mistake(_causal, "That is the causal mask: nothing in the prefix sees ahead."),
    "full": Mistake(
        lambda prefix_len, seq: torch.ones(len(prefix_len), seq, seq).bool(),
        "Everything sees everything. After the prefix a token sees only itself and what stands before it.",
    ),
    "prefix_sees_all": Mistake(
        lambda prefix_len, seq: _causal(prefix_len, seq) | _inside(prefix_len, seq)[:, :, None],
        "The prefix sees what is to be predicted. Row and column must both be in the prefix.",
    ),
    "prefix_alone": Mistake(
        lambda prefix_len, seq: _inside(prefix_len, seq)[:, :, None] & _inside(prefix_len, seq)[:, None, :],
        "Only the prefix sees anything. What follows sees itself and all that stands before it.",
    ),
    "cut_off": Mistake(
        lambda prefix_len, seq: (
            (_inside(prefix_len, seq)[:, :, None] == _inside(prefix_len, seq)[:, None, :])
            & (_causal(prefix_len, seq) | _inside(prefix_len, seq)[:, None, :])
        ),
        "What follows the prefix does not see the prefix: it would not know the image.",
    ),
    "one_more": Mistake(
        lambda prefix_len, seq: (
            _causal(prefix_len, seq)
            | (_inside(prefix_len, seq, 1)[:, :, None] & _inside(prefix_len, seq, 1)[:, None])
        ),
        "Your prefix is one token too long: with `prefix_len` tokens the last is number prefix_len - 1.",
    ),
    "one_for_all": Mistake(
        lambda prefix_len, seq: prefix_lm_mask(prefix_len[:1].expand(len(prefix_len)), seq),
        "All examples have the prefix of the first. Each has a length of its own.",
    ),
    "not_allowed": Mistake(
        lambda prefix_len, seq: ~prefix_lm_mask(prefix_len, seq),
        "The mask is turned round: here `True` means may attend.",
    ),
}


def mask_cases(seed: int = 0) -> list[Case]:
    """Lengths that differ within the batch; none, and all of a sequence."""
    rng = torch.Generator().manual_seed(seed)
    lengths = 2 + torch.randperm(4, generator=rng)
    return [(lengths, 7), (torch.tensor([3, 0, 5]), 5)]


check_prefix_mask = Task(
    name="prefix mask",
    asks='answer(prefix_len: Int["batch"], seq: int) -> Bool["batch seq seq"], True = may attend',
    right=prefix_lm_mask,
    mistakes=MASK_MISTAKES,
    cases=mask_cases,
    praise="the prefix sees itself both ways, and what follows sees all that stands before it.",
)


def _blocks(features: Tensor, order: str) -> Tensor:
    """Two by two blocks, with the axes of block and cell in another order."""
    x = features.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))  # n c rows row columns column
    return x.permute(*order_of(order)).flatten(3).flatten(1, 2)


def order_of(order: str) -> list[int]:
    """ "RCrcd": block row, block column, row, column, channel."""
    return [0, *("xdRrCc".index(axis) for axis in order)]


SPACE_MISTAKES = {
    "channel_first": Mistake(
        lambda features: _blocks(features, "RCdrc"),
        "All four cells of one channel come first. In a token stands cell after cell, each with all its channels.",
    ),
    "down_first": Mistake(
        lambda features: _blocks(features, "RCcrd"),
        "Within a block you go down before you go right.",
    ),
    "blocks_down": Mistake(
        lambda features: _blocks(features, "CRrcd"), "Your blocks go down before they go right."
    ),
    "far_apart": Mistake(
        lambda features: _blocks(features.unflatten(3, (2, -1)).transpose(3, 4).flatten(3), "RCrcd"),
        "A block holds neighbours; yours holds cells that are half a picture apart.",
    ),
}


def space_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    return [(torch.randn(2, 3, 4, 6, generator=rng),), (torch.randn(1, 5, 6, 4, generator=rng),)]


check_space_to_channels = Task(
    name="two by two into channels",
    asks='answer(features: Float["n channels rows columns"]) -> Float["n tokens 4*channels"]',
    right=space_to_channels,
    mistakes=SPACE_MISTAKES,
    cases=space_cases,
    praise="a quarter of the tokens, and nothing lost.",
)
