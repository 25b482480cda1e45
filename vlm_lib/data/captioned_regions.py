"""Scenes of two objects as VisualBERT reads them: four regions in random order, and captions as word ids.

The objects stand on a diagonal, so that every caption says "above and left of" or "above and right of": which of
the two, no other word tells.

Chapter: 11_visualbert.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int8
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from vlm_lib.checks import check_at_least
from vlm_lib.data import scenes as world
from vlm_lib.data.attributes import CELLS, EMPTY, SHAPES, Scenes, draw_attributes
from vlm_lib.data.masked_words import NOT_ASKED, mask_words
from vlm_lib.data.regions import Regions, crops, find_boxes, quarters, with_noise
from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.training.seeds import step_generator, stream

DETECTOR_NOISE = 1.5  # pixels, standard deviation of every edge of a box
MATCH, RANDOM = 0, 1  # whether a second caption belongs to the picture; in the order of the public code


@functools.cache
def bert_tokenizer() -> PreTrainedTokenizerFast:
    """The word-level tokenizer of `scenes` with BERT's three tokens: <cls>, <sep> and <mask>."""
    tokenizer = world_tokenizer(("scenes",))
    tokenizer.add_special_tokens({"cls_token": "<cls>", "sep_token": "<sep>", "mask_token": "<mask>"})
    return tokenizer


@dataclass(frozen=True, eq=False)
class CaptionedRegions:
    """Scenes, and what a model reads: a region per box, and a caption between <cls> and <sep>, or two.

    labels: what is to be predicted where words are masked, else -100. segments: 0, and 1 for the second of two
    captions. match: whether it belongs to the picture (0) or to another (1).
    """

    scenes: Scenes
    boxes: Float[Tensor, "n regions 4"]
    regions: Regions
    input_ids: Int[Tensor, "n seq"]
    labels: Int[Tensor, "n seq"] | None = None
    segments: Int[Tensor, "n seq"] | None = None
    match: Int[Tensor, " n"] | None = None

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: slice | np.ndarray) -> CaptionedRegions:
        """Some rows, by slice, index array or boolean array."""
        rows = index if isinstance(index, slice) else torch.from_numpy(index)
        told = {name: part for name, part in vars(self).items() if name != "scenes" and part is not None}
        return CaptionedRegions(self.scenes[index], **{name: part[rows] for name, part in told.items()})

    @property
    def is_word(self) -> Bool[Tensor, "n seq"]:
        """`True` at words; not at <cls>, <sep>, <mask> and padding."""
        return ~torch.isin(self.input_ids, torch.tensor(bert_tokenizer().all_special_ids))

    @property
    def text_mask(self) -> Bool[Tensor, "n seq"]:
        """`True` everywhere but at padding."""
        return self.input_ids != bert_tokenizer().pad_token_id

    def with_boxes(self, boxes: Float[Tensor, "n regions 4"]) -> CaptionedRegions:
        """The same scenes and captions seen through other boxes: other crops, other places."""
        return replace(self, boxes=boxes, regions=replace(_look(self.scenes, boxes), words=self.regions.words))

    def told(self, **changes: Tensor | None) -> CaptionedRegions:
        """The same, with other parts of the regions: `told(places=None)`."""
        return replace(self, regions=replace(self.regions, **changes))

    def with_images_of_others(self, seed: int) -> CaptionedRegions:
        """Every caption beside the regions of another scene: a rotation by a random number of rows."""
        shift = int(stream(seed, "images of others").integers(1, len(self)))
        return replace(self, regions=self.regions.of_others(shift))

    def masked(self, rate: float, generator: torch.Generator) -> CaptionedRegions:
        """The same with words masked as `mask_words` masks them, and their labels."""
        tokenizer = bert_tokenizer()
        ids = {"mask_id": tokenizer.mask_token_id, "vocab_size": len(tokenizer), "generator": generator}
        read, labels = mask_words(self.input_ids, self.is_word, rate=rate, **ids)
        return replace(self, input_ids=read, labels=labels)

    def masked_at(self, positions: Int[Tensor, " n"]) -> CaptionedRegions:
        """The same with one word per caption behind <mask>."""
        here = torch.arange(self.input_ids.shape[1]) == positions[:, None]
        read = self.input_ids.masked_fill(here, bert_tokenizer().mask_token_id)
        return replace(self, input_ids=read, labels=self.input_ids.masked_fill(~here, NOT_ASKED))

    def batches(self, size: int, seed: int, *, rate: float) -> Callable[[int], CaptionedRegions]:
        """step -> `size` rows drawn at random, masked; equal seeds give equal batches, whoever reads them."""

        def batch(step: int) -> CaptionedRegions:
            generator = step_generator(seed, step)
            rows = torch.randint(len(self), (size,), generator=generator).numpy()
            return self[rows].masked(rate, generator)

        return batch

    def with_second_captions(self, seed: int) -> CaptionedRegions:
        """Two captions in the text: the scene's own, then with probability 1/2 a paraphrase of it, else another's.

        Source: sentence-image prediction, section 3.3 (arXiv 1908.03557).
        """
        match, whose = self._own_or_of_others(seed)
        paraphrases = world.captions(self.scenes, seed)
        input_ids = encode(world.captions(self.scenes), [paraphrases[row] for row in whose])
        ends = (input_ids == bert_tokenizer().sep_token_id).long()
        segments = (ends.cumsum(dim=1) - ends).clamp(max=1)
        return replace(self, input_ids=input_ids, segments=segments, match=match)

    def with_true_or_false_captions(self, seed: int) -> CaptionedRegions:
        """One caption in the text: with probability 1/2 the scene's own, else another's.

        Source: `two_sentence: false` of dataloaders/coco_dataset.py (uclanlp/visualbert).
        """
        match, whose = self._own_or_of_others(seed)
        captions = world.captions(self.scenes)
        return replace(self, input_ids=encode([captions[row] for row in whose]), match=match)

    def _own_or_of_others(self, seed: int) -> tuple[Int[Tensor, " n"], list[int]]:
        """For each row whether it gets a caption of its own scene, and from which row the caption comes."""
        n, rng = len(self), stream(seed, "second captions")
        match, shift = torch.from_numpy(rng.integers(2, size=n)), int(rng.integers(1, n))
        return match, [(i + shift) % n if label == RANDOM else i for i, label in enumerate(match.tolist())]


def captioned_regions(n: int, seed: int, *, noise: float = DETECTOR_NOISE) -> CaptionedRegions:
    """`n` scenes of two objects with their canonical captions; each cell's box, in random order, is a region.

    Regions know their places (the quarter of the picture) and the words that name what is in them. noise: how far
    every edge of a box is off, a standard deviation in pixels. Raises: ValueError for n < 1 or a bad seed.
    """
    scenes = world.render(_on_a_diagonal(check_at_least("n", n, 1), seed), seed)
    order = torch.from_numpy(stream(seed, "order of regions").random((n, CELLS)).argsort(axis=1))[..., None]
    boxes = with_noise(find_boxes(scenes, seed), noise, seed).gather(1, order.expand(-1, -1, 4))
    input_ids = encode(world.captions(scenes))
    words = _aligned(scenes, input_ids).gather(1, order.expand(-1, -1, 3))
    return CaptionedRegions(scenes, boxes, replace(_look(scenes, boxes), words=words), input_ids)


def _on_a_diagonal(n: int, seed: int) -> Int8[np.ndarray, "n 4 3"]:
    """Attributes of two objects per scene, in the first and the last cell or in the two between."""
    rng = stream(seed, "diagonals")
    drawn = draw_attributes(n, rng, objects=(CELLS, CELLS), split="train")
    first = rng.integers(2, size=n)  # above, on the left or on the right; the other object stands opposite
    attributes, rows = np.full_like(drawn, EMPTY), np.arange(n)
    attributes[rows, first], attributes[rows, 3 - first] = drawn[:, 0], drawn[:, 1]
    return attributes


def encode(captions: list[str], second: list[str] | None = None) -> Int[Tensor, "n seq"]:
    """<cls> caption <sep>, or <cls> caption <sep> second <sep>, padded on the right."""
    cls, sep = bert_tokenizer().cls_token, bert_tokenizer().sep_token
    texts = captions if second is None else [f"{a} {sep} {b}" for a, b in zip(captions, second, strict=True)]
    return bert_tokenizer()([f"{cls} {text} {sep}" for text in texts], padding=True, return_tensors="pt").input_ids


def _look(scenes: Scenes, boxes: Float[Tensor, "n regions 4"]) -> Regions:
    return Regions(crops(scenes.images, boxes).flatten(2), places=quarters(boxes))


def _aligned(scenes: Scenes, input_ids: Int[Tensor, "n seq"]) -> Int[Tensor, "n cells 3"]:
    """For each cell the positions of the size, colour and shape that name its object; -1 where there is none."""
    nouns = torch.tensor(bert_tokenizer().convert_tokens_to_ids(list(SHAPES)))
    at = torch.isin(input_ids, nouns).nonzero()[:, 1]  # two per caption, in reading order
    words = torch.full((len(scenes), CELLS, 3), -1)
    words[torch.from_numpy(scenes.attributes[..., 0] != EMPTY)] = at[:, None] + torch.tensor([-2, -1, 0])
    return words
