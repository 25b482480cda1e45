"""Interleaved documents: pictures and text in one sequence, as Flamingo reads web pages.

    <bos> <image> a large red circle above a small blue star . <eoc> <image> a small pink ring . <eoc>

Each <image> is one token that marks where a picture stands; the picture itself travels beside the text. Source:
Flamingo, section 2.4 and figure 7 (arXiv 2204.14198v2). Chapter: 34_flamingo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Int, Int8, UInt8
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from vlm_lib.checks import check_at_least, check_one_of, check_range
from vlm_lib.data.scenes import COLOURS, SHAPES, SIZES, Scenes, captions, generate, phrase
from vlm_lib.data.tokenizer import BOS, EOC, IMAGE, PAD
from vlm_lib.training.seeds import stream

CAPTIONS = ("full", "short")
MOST_IMAGES = 64
_ATTRIBUTE_WORD = re.compile(rf"\b({'|'.join((*SHAPES, *COLOURS, *SIZES))})\b")


@dataclass(frozen=True)
class Documents:
    """Documents padded on the right to the longest one; a document with fewer pictures has black ones at the end.

    is_image: where the <image> tokens stand. loss_mask: text that a model is to predict, <eoc> included; never
    <bos>, <image> or <pad>. answer_mask: the part of it that only the picture can tell (colour, shape, size).
    A mask marks the token itself, so a model that predicts the next token compares `mask[:, 1:]`.
    """

    input_ids: Int[Tensor, "n seq"]
    is_image: Bool[Tensor, "n seq"]
    images: UInt8[Tensor, "n images 3 64 64"]
    num_images: Int[Tensor, " n"]
    loss_mask: Bool[Tensor, "n seq"]
    answer_mask: Bool[Tensor, "n seq"]
    attributes: Int8[np.ndarray, "n images 4 3"]

    def __len__(self) -> int:
        return len(self.input_ids)

    def __getitem__(self, index: slice | np.ndarray | list[int]) -> Documents:
        """A subset, by slice, index array or boolean array. Raises: TypeError for a single int (use i:i+1)."""
        if isinstance(index, int | np.integer):
            raise TypeError(f"index: got the int {index}, expected a slice or an array")
        index = index if isinstance(index, slice) else np.asarray(index)
        return Documents(*(getattr(self, field.name)[index] for field in fields(self)))


def interleaved(
    n: int,
    seed: int,
    *,
    images_per_document: int | tuple[int, int],
    tokenizer: PreTrainedTokenizerBase,
    split: str = "train",
    caption: str = "full",
    objects: int | tuple[int, int] | None = None,
) -> Documents:
    """Draw `n` documents of independent scenes: the same seed gives the same documents.

    images_per_document: an int or (fewest, most) within 1 .. 64. caption: "full" is the canonical caption of
    scenes with 1 or 2 objects (or `objects`), "short" names the one object of each scene: "a red circle ."
    tokenizer: a fast one that knows <bos>, <image>, <eoc> and <pad>, such as `world_tokenizer()`.
    Raises: ValueError for n < 1, a range outside its bounds, an unknown split or caption, `objects` other than 1
    with short captions, a tokenizer without one of the four tokens. Chapter: 34_flamingo.
    """
    n = check_at_least("n", n, 1)
    check_one_of("caption", caption, CAPTIONS)
    fewest, most = check_range("images_per_document", images_per_document, 1, MOST_IMAGES)
    if caption == "short" and objects not in (None, 1, (1, 1)):
        raise ValueError(f"objects: got {objects!r}, expected 1 (or nothing) with caption='short'")
    special = _special_ids(tokenizer)
    if objects is None:
        objects = 1 if caption == "short" else (1, 2)
    num_images = stream(seed, "images per document").integers(fewest, most + 1, size=n)
    scenes = generate(int(num_images.sum()), seed, objects=objects, split=split)
    ids, answers = _tokenize(_texts(scenes, caption), tokenizer)
    return _assemble(scenes, ids, answers, num_images, special)


def _special_ids(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in (PAD, BOS, IMAGE, EOC)}
    missing = [token for token, index in ids.items() if index in (None, tokenizer.unk_token_id)]
    if missing or not tokenizer.is_fast:
        lack = f"one without {' '.join(missing)}" if missing else "a slow tokenizer"
        raise ValueError(f"tokenizer: got {lack}, expected a fast one that knows {' '.join(ids)}")
    return ids


def _texts(scenes: Scenes, caption: str) -> list[str]:
    if caption == "full":
        return captions(scenes)
    objects = scenes.attributes.max(axis=1)  # the one cell that is not -1
    return [f"a {phrase(shape, colour)} ." for shape, colour, _ in objects.tolist()]


def _tokenize(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> tuple[list[list[int]], list[list[bool]]]:
    """Token ids of each text, and which of them belong to an attribute word; each distinct text is read once."""
    distinct = list(dict.fromkeys(texts))
    encoded = tokenizer(distinct, add_special_tokens=False, return_offsets_mapping=True)
    answers = []
    for text, offsets in zip(distinct, encoded["offset_mapping"], strict=True):
        spans = [match.span() for match in _ATTRIBUTE_WORD.finditer(text)]
        answers.append([any(a < end and start < b for a, b in spans) for start, end in offsets])
    row = {text: index for index, text in enumerate(distinct)}
    order = [row[text] for text in texts]
    return [encoded["input_ids"][i] for i in order], [answers[i] for i in order]


def _assemble(
    scenes: Scenes,
    ids: list[list[int]],
    answers: list[list[bool]],
    num_images: np.ndarray,
    special: dict[str, int],
) -> Documents:
    n, most = len(num_images), int(num_images.max())
    first = np.concatenate([[0], num_images.cumsum()])
    # One <image> and one <eoc> around each caption, one <bos> before them all
    lengths = [1 + sum(len(ids[i]) + 2 for i in range(a, b)) for a, b in zip(first, first[1:], strict=False)]
    input_ids = np.full((n, max(lengths)), special[PAD])
    loss_mask = np.zeros(input_ids.shape, dtype=bool)
    answer_mask = np.zeros(input_ids.shape, dtype=bool)
    input_ids[:, 0] = special[BOS]
    for document in range(n):
        at = 1
        for i in range(first[document], first[document + 1]):
            end = at + len(ids[i]) + 2
            input_ids[document, at:end] = [special[IMAGE], *ids[i], special[EOC]]
            loss_mask[document, at + 1 : end] = True
            answer_mask[document, at + 1 : end - 1] = answers[i]
            at = end
    filled = np.arange(most) < num_images[:, None]
    images = torch.zeros(n, most, *scenes.images.shape[1:], dtype=torch.uint8)
    images[torch.from_numpy(filled)] = scenes.images
    attributes = np.full((n, most, *scenes.attributes.shape[1:]), -1, dtype=np.int8)
    attributes[filled] = scenes.attributes
    tokens = torch.from_numpy(input_ids)
    return Documents(
        input_ids=tokens,
        is_image=tokens == special[IMAGE],
        images=images,
        num_images=torch.from_numpy(num_images),
        loss_mask=torch.from_numpy(loss_mask),
        answer_mask=torch.from_numpy(answer_mask),
        attributes=attributes,
    )
