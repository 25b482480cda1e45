"""CM3's causally masked documents: a span leaves its place, and returns at the end, behind a sentinel.

A document is a list of token ids. `mask_spans` and `unmask` are inverse to each other; the language model that
reads the result is any causal one. Source: Aghajanyan et al. 2022 (arXiv 2201.07520v1), the causally masked
objective. Chapter: 13_cm3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.checks import check_at_least
from vlm_lib.data.hypertext import Marks
from vlm_lib.losses import caption_loss
from vlm_lib.training.seeds import seed_everything

IGNORED = -100  # a target that the loss leaves out
Span = tuple[int, int]  # from the first token of the span to the first one after it


def draw_spans(
    length: int,
    rng: np.random.Generator,
    *,
    least: int = 1,
    most: int = 16,
) -> list[Span]:
    """Disjoint spans of a document of `length` tokens, in order.

    Their number is Poisson(1), clamped to least .. most; both ends of each are uniform
    over the document. Spans that are empty or overlap are drawn again. With `least=0`
    some documents stay whole, as in the released code; with `most=0` all do. Raises:
    ValueError for least > most, or a document with fewer tokens than spans.
    """
    if least > most:
        raise ValueError(f"least: got {least}, expected at most most = {most}")
    most = min(most, check_at_least("length", length, max(least, 1)))
    number = int(np.clip(rng.poisson(1), least, most))
    while True:
        pairs = np.sort(rng.integers(0, length + 1, size=(number, 2)), axis=1)
        spans = sorted(map(tuple, pairs.tolist()))
        free = [0, *(end for _, end in spans)]  # from where on the next span may start
        if all(at <= a < b for at, (a, b) in zip(free, spans, strict=False)):
            return spans


def mask_spans(
    document: Sequence[int],
    spans: Sequence[Span],
    marks: Marks,
) -> list[int]:
    """Each span leaves a sentinel in its place and comes back at the end, behind it.

    0 1 2 3 4 5 with the span (2, 4) becomes 0 1 <mask:0> 4 5 <mask:0> 2 3 <end>. Raises
    ValueError for spans that are empty, overlap, are out of order, leave the document or
    outnumber the sentinels, and for a document that already holds a sentinel or the end.
    """
    _check(document, spans, marks)
    kept, moved, at = [], [], 0
    for sentinel, (start, end) in zip(marks.sentinels, spans, strict=False):
        kept += [*document[at:start], sentinel]
        moved += [sentinel, *document[start:end]]
        at = end
    return [*kept, *document[at:], *moved, marks.end]


def unmask(masked: Sequence[int], marks: Marks) -> list[int]:
    """The document that was masked. Raises ValueError if `masked` lacks its end, or a sentinel its partner."""
    masked = list(masked)
    used = [token for token in marks.sentinels if token in masked]
    if masked[-1:] != [marks.end] or any(masked.count(token) != 2 for token in used):
        raise ValueError(f"masked: got {masked}, expected {marks.end} at its end and each sentinel twice")
    body = masked[:-1]
    for sentinel in reversed(used):  # the last span is at the end
        at = len(body) - 1 - body[::-1].index(sentinel)
        body, span = body[:at], body[at + 1 :]
        place = body.index(sentinel)
        body[place : place + 1] = span
    return body


def targets(masked: Sequence[int], marks: Marks) -> list[int]:
    """The tokens that count in the loss; a sentinel does not, since where one comes is chance."""
    return [IGNORED if token in marks.sentinels else token for token in masked]


def prompt(document: Sequence[int], spans: Sequence[Span], marks: Marks) -> list[int]:
    """What a model reads before it fills the first span: all that is kept, then the first sentinel again."""
    masked = mask_spans(document, spans, marks)
    if not spans:
        raise ValueError("spans is empty, expected at least one to fill")
    again = len(masked) - 1 - masked[::-1].index(marks.sentinels[0])
    return [marks.start, *masked[: again + 1]]


def batch_of(
    documents: Sequence[Sequence[int]], spans: Sequence[Sequence[Span]], marks: Marks
) -> tuple[Int[Tensor, "batch seq"], Int[Tensor, "batch seq"]]:
    """Input ids and targets of masked documents, each behind the start mark, padded on the right."""
    rows = [mask_spans(document, own, marks) for document, own in zip(documents, spans, strict=True)]
    seq = 1 + max(map(len, rows))
    ids = torch.full((len(rows), seq), marks.pad)
    labels = torch.full((len(rows), seq), IGNORED)
    for i, row in enumerate(rows):
        ids[i, : len(row) + 1] = torch.tensor([marks.start, *row])
        labels[i, 1 : len(row) + 1] = torch.tensor(targets(row, marks))
    return ids, labels


def language_model(
    vocabulary: int, marks: Marks, seed: int, *, positions: int, width: int = 64, layers: int = 2, heads: int = 4
) -> GPT2LMHeadModel:
    """A small causal language model with random weights: nothing in it knows of masks."""
    seed_everything(seed)
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=positions,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        initializer_range=0.06,  # GPT-2's 0.02 is meant for widths of 768 and more
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=marks.start,
        eos_token_id=marks.end,
    )
    return GPT2LMHeadModel(config)


def loss(model: GPT2LMHeadModel, batch: tuple[Int[Tensor, "batch seq"], Int[Tensor, "batch seq"]]) -> Tensor:
    """Cross-entropy of every token given those before it, but for sentinels and padding."""
    input_ids, labels = batch
    logits = model(input_ids=input_ids).logits
    return caption_loss(logits[:, :-1], labels[:, 1:], ignore_index=IGNORED)


def _check(document: Sequence[int], spans: Sequence[Span], marks: Marks) -> None:
    reserved = {*marks.sentinels, marks.end} & set(document)
    if reserved:
        raise ValueError(
            f"document: it holds {min(reserved)}, which is a sentinel or the end, expected content only"
        )
    if len(spans) > len(marks.sentinels):
        raise ValueError(
            f"spans: got {len(spans)}, expected at most {len(marks.sentinels)}, one for each sentinel"
        )
    at = 0
    for start, end in spans:
        if not at <= start < end <= len(document):
            raise ValueError(
                f"spans: got {list(spans)}, expected ordered, disjoint, not empty, within the document"
            )
        at = end
