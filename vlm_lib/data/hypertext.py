"""Documents as CM3 reads them: an image is a tag of hypertext whose `src` is the image itself, as codes.

<img alt=" large red circle " src=" 17 4 250 ... ">. Attributes stand in alphabetical order, so words come first.
Source: Aghajanyan et al. 2022 (arXiv 2201.07520v1), on its data. Chapter: 13_cm3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from vlm_lib.data.attributes import COLOURS, SHAPES, SIZES

OPEN, SOURCE, CLOSE = '<img alt="', '" src="', '">'
SENTINELS = 4


@dataclass(frozen=True)
class Marks:
    """The token ids that are no content: sentinels in order, the end of a document, its start, padding."""

    sentinels: tuple[int, ...]
    end: int
    start: int
    pad: int


@dataclass(frozen=True)
class Hypertext:
    """The vocabulary: marks, the tag's parts, words, then one token for each of `codes` image codes."""

    codes: int

    @property
    def tokens(self) -> list[str]:
        marks = ["<pad>", "<start>", "<end>", *(f"<mask:{i}>" for i in range(SENTINELS))]
        return [*marks, OPEN, SOURCE, CLOSE, *SIZES, *COLOURS, *SHAPES]

    @property
    def marks(self) -> Marks:
        return Marks(sentinels=tuple(range(3, 3 + SENTINELS)), pad=0, start=1, end=2)

    @property
    def words(self) -> list[int]:
        """The ids of words: what is said in an `alt`."""
        return self.ids([*SIZES, *COLOURS, *SHAPES])

    @property
    def first_code(self) -> int:
        """The id of image code 0; the others follow."""
        return len(self.tokens)

    @property
    def unwritten(self) -> tuple[int, int]:
        """Marks that stand in no document: padding and the start."""
        return self.marks.pad, self.marks.start

    @property
    def size(self) -> int:
        """How many tokens there are, image codes included."""
        return self.first_code + self.codes

    def ids(self, words: Sequence[str]) -> list[int]:
        """The ids of words and marks. Raises ValueError for an unknown one."""
        known = {token: i for i, token in enumerate(self.tokens)}
        if unknown := set(words) - set(known):
            raise ValueError(f"words: got {min(unknown)!r}, expected one of {list(known)}")
        return [known[word] for word in words]

    def document(self, caption: str, codes: Int[Tensor, " tokens"]) -> list[int]:
        """One tag: its words and its image."""
        words = self.ids([OPEN, *caption.split(), SOURCE])
        return [*words, *(codes + self.first_code).tolist(), *self.ids([CLOSE])]

    def documents(self, captions: Sequence[str], codes: Int[Tensor, "n tokens"]) -> list[list[int]]:
        return [self.document(caption, row) for caption, row in zip(captions, codes, strict=True)]

    def show(self, ids: Sequence[int]) -> list[str]:
        """Each token as text, an image code as its number."""
        tokens, first = self.tokens, self.first_code
        return [tokens[i] if i < first else str(i - first) for i in ids]
