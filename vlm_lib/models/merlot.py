"""MERLOT: frames and their lines in one transformer, and the three losses it is trained with.

Source: Zellers et al. 2021 (arXiv 2106.02636), and where the paper is silent the authors' code, model/modeling.py
(rowanz/merlot). Chapter: 33_merlot.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vlm_lib.checks import check_at_least, require_shape
from vlm_lib.data.attended_words import choose_words, draw_weights, replace_words
from vlm_lib.losses.contrastive import contrastive_loss
from vlm_lib.losses.ordering import ordering_loss, pair_labels, pair_weights
from vlm_lib.models.attention_received import attention_received
from vlm_lib.models.stack import Stack

TEMPERATURE, CONTRAST = 0.05, 0.25


@dataclass(frozen=True)
class Joined:
    """What the joint transformer says of each frame and of each line, at its first token; and of all words."""

    frames: Float[Tensor, "batch segments dim"]
    lines: Float[Tensor, "batch segments dim"]
    words: Float[Tensor, "batch segments words dim"]


class PairHead(nn.Module):
    """All pairs of two sequences of segments to four logits each: see `losses.ordering`."""

    def __init__(self, dim: int):
        super().__init__()
        self.inner, self.norm, self.out = nn.Linear(2 * dim, dim), nn.LayerNorm(dim), nn.Linear(dim, 4)

    def forward(self, a: Float[Tensor, "batch n dim"], b: Float[Tensor, "batch n dim"]) -> Tensor:
        pairs = torch.cat(torch.broadcast_tensors(a[:, :, None], b[:, None]), dim=-1)
        return self.out(self.norm(F.gelu(self.inner(pairs))))


def projection(dim: int) -> nn.Sequential:
    """What stands between a summary and its contrasted vector."""
    return nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.LayerNorm(dim), nn.Linear(dim, dim))


class Merlot(nn.Module):
    """Frames [batch segments 3 h w] and lines [batch segments words]; each line's first token is its start mark.

    encoder: frames [n 3 h w] -> (tokens [n tokens dim], one contrasted vector each [n dim]), as `HybridEncoder`.
    segments: the most that one group holds. A frame's place is told by one of `segments` embeddings, or hidden by
    one of as many others that say nothing. special: ids below it are marks and never masked.
    One stack of layers serves as joint encoder and as the encoder of language alone, as released.
    """

    def __init__(
        self,
        encoder: nn.Module,
        vocabulary: int,
        dim: int = 768,
        *,
        tokens: int,
        segments: int = 4,
        words: int = 32,
        layers: int = 12,
        heads: int = 12,
        special: int = 2,
        mask_id: int = 1,
    ):
        super().__init__()
        self.segments, self.special, self.mask_id = check_at_least("segments", segments, 1), special, mask_id
        self.encoder = encoder
        self.embed = nn.Embedding(vocabulary, dim)
        table = lambda *shape: nn.Parameter(0.02 * torch.randn(*shape, dim))  # noqa: E731
        self.joint_position, self.language_position = table(segments * words), table(segments * words)
        self.joint_norm, self.language_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.frame_place, self.token_place = table(2 * segments), table(tokens)
        self.frame_norm = nn.LayerNorm(dim)
        self.stack = Stack(dim, layers, heads)
        self.of_line, self.of_frame = projection(dim), projection(dim)
        self.line_frame, self.frame_frame = PairHead(dim), PairHead(dim)
        self.word = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.LayerNorm(dim))
        self.word_bias = nn.Parameter(torch.zeros(vocabulary))
        nn.init.normal_(self.embed.weight, std=0.02)

    def see(
        self, frames: Float[Tensor, "batch segments 3 h w"]
    ) -> tuple[Float[Tensor, "batch segments tokens dim"], Float[Tensor, "batch segments dim"]]:
        """Each frame's tokens, and its unit vector to be contrasted: neither has seen another frame or a word."""
        batch = frames.shape[:2]
        tokens, contrasted = self.encoder(frames.flatten(0, 1))
        return tokens.unflatten(0, batch), F.normalize(self.of_frame(contrasted), dim=-1).unflatten(0, batch)

    def read(
        self, ids: Int[Tensor, "batch segments words"]
    ) -> tuple[Float[Tensor, "batch segments dim"], Float[Tensor, "batch segments words"]]:
        """Each line's unit vector, which knows the group's other lines and no frame; and how much each word is
        looked at meanwhile, which carries no gradient."""
        x = self.language_norm(self._words(ids, self.language_position))
        states = self.stack(x, None).unflatten(1, ids.shape[1:])[:, :, 0]
        received = attention_received(self.stack, x.detach())
        return F.normalize(self.of_line(states), dim=-1), received.unflatten(1, ids.shape[1:])

    def join(
        self,
        tokens: Float[Tensor, "batch segments tokens dim"],
        ids: Int[Tensor, "batch segments words"],
        places: Int[Tensor, "batch segments"] | None = None,
    ) -> Joined:
        """Frames and lines in one sequence, in which everything sees everything.

        places: for each frame its place, 0 .. segments - 1, or a number from `segments` on, which hides it; in
        order where not given. Raises: ValueError for another number of frames than of lines, or places beyond.
        """
        batch, segments, per_frame = tokens.shape[:3]
        require_shape("ids", ids, batch=batch, segments=segments, words=None)
        places = torch.arange(segments).expand(batch, -1) if places is None else places
        require_shape("places", places, batch=batch, segments=segments)
        if not 0 <= int(places.min()) <= int(places.max()) < 2 * self.segments:
            raise ValueError(f"places holds {int(places.min())} to {int(places.max())}, expected 0 to "
                             f"{2 * self.segments - 1}")  # fmt: skip
        place = self.frame_place[places][:, :, None]
        frames = self.frame_norm(tokens + place + self.token_place)
        words = self.joint_norm(self._words(ids, self.joint_position))
        states = self.stack(torch.cat([frames.flatten(1, 2), words], dim=1), None)
        seen = states[:, : segments * per_frame].unflatten(1, (segments, per_frame))
        read = states[:, segments * per_frame :].unflatten(1, (segments, -1))
        return Joined(seen[:, :, 0], read[:, :, 0], read)

    def word_logits(self, states: Float[Tensor, "*n dim"]) -> Float[Tensor, "*n vocabulary"]:
        """Logits of a masked word, with the embeddings as the last layer."""
        return self.word(states) @ self.embed.weight.T + self.word_bias

    def pair_logits(self, joined: Joined) -> tuple[Tensor, Tensor]:
        """[batch segments segments 4] for lines against frames, and for frames against frames."""
        return self.line_frame(joined.lines, joined.frames), self.frame_frame(joined.frames, joined.frames)

    def _words(self, ids: Tensor, position: Tensor) -> Float[Tensor, "batch segments*words dim"]:
        require_shape("ids", ids, batch=None, segments=None, words=None)
        length = ids.shape[1] * ids.shape[2]
        if length > len(position):
            raise ValueError(f"ids: {length} tokens in a group, expected at most {len(position)}")
        return self.embed(ids.flatten(1)) + position[:length]


@dataclass(frozen=True)
class Losses:
    """The three terms, `contrast` without its coefficient; a term that was not asked for is None."""

    contrast: Tensor | None
    words: Tensor | None
    order: Tensor | None

    def total(self) -> Tensor:
        """0.25 contrast + words + order, of those that there are."""
        weighted = [(CONTRAST, self.contrast), (1.0, self.words), (1.0, self.order)]
        return sum(weight * term for weight, term in weighted if term is not None)


def merlot_losses(
    model: Merlot,
    frames: Float[Tensor, "batch segments 3 h w"],
    ids: Int[Tensor, "batch segments words"],
    places: Int[Tensor, "batch segments"],
    generator: torch.Generator,
    *,
    videos: Int[Tensor, "batch segments"] | None = None,
    contrast: bool = True,
    words: bool = True,
    order: bool = True,
    attended: bool = True,
    hidden_from: int | None = None,
) -> Losses:
    """One forward pass and its losses. The joint encoder reads the lines with some words masked, in every arm.

    videos: which video each segment is from; one for each row if not given. attended: mask words by the attention
    that they receive, else any alike. hidden_from: places from it on count as hidden, `model.segments` if not
    given; the released code asks for 64 where its data say 16.
    """
    tokens, seen = model.see(frames)
    lines, received = model.read(ids)
    maskable = (ids >= model.special).flatten(1)
    weights = draw_weights(received.flatten(1), maskable) if attended else maskable.float()
    chosen = choose_words(weights, generator)
    how = {"mask_id": model.mask_id, "first_word": model.special, "vocabulary": model.embed.num_embeddings}
    read = replace_words(ids.flatten(1), chosen, generator, **how).view_as(ids)
    joined = model.join(tokens, read, places)
    found = {"contrast": None, "words": None, "order": None}
    if contrast:
        every_frame, every_line = seen.flatten(0, 1), lines.flatten(0, 1)
        found["contrast"] = contrastive_loss(every_frame, every_line, 1 / TEMPERATURE)
    if words:
        found["words"] = F.cross_entropy(
            model.word_logits(joined.words.flatten(1, 2)[chosen]), ids.flatten(1)[chosen]
        )
    if order:
        found["order"] = order_term(model, joined, places, videos, hidden_from)
    return Losses(**found)


def order_term(
    model: Merlot, joined: Joined, places: Tensor, videos: Tensor | None, hidden_from: int | None
) -> Float[Tensor, ""]:
    """Lines against frames plus frames against frames."""
    hidden: Bool[Tensor, "batch segments"] = places >= (model.segments if hidden_from is None else hidden_from)
    videos = torch.zeros_like(places) if videos is None else videos
    labels, weights = pair_labels(videos), pair_weights(hidden)
    return sum(ordering_loss(logits, labels, weights) for logits in model.pair_logits(joined))
