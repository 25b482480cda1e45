"""What is asked of a MERLOT about films: the order of frames, which line goes with which frame, what a still
shows.

Chapter: 33_merlot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.data.films import Films, without_words
from vlm_lib.evaluation.film_order import before, pairs_right
from vlm_lib.models.merlot import Merlot
from vlm_lib.training.films import as_pixels
from vlm_lib.training.seeds import step_generator

RIDGES = (1.0, 10.0, 100.0, 1000.0)


@torch.no_grad()
def frame_order(
    model: Merlot, films: Films, *, ids: Int[Tensor, "n 4 8"] | None = None, blank: bool = False, seed: int = 0
) -> Float[Tensor, " n"]:
    """For each film the share of pairs of frames that are put in the right order; every frame's place is hidden.

    ids: other lines than the films' own. blank: every frame is replaced by the same grey one.
    """
    ids = films.ids if ids is None else ids
    count, segments = ids.shape[:2]
    places = segments + torch.rand(count, segments, generator=step_generator(seed, 0)).argsort(dim=1)
    pixels = torch.full(films.frames.shape, 0.5) if blank else as_pixels(films.frames)
    joined = model.join(model.see(pixels)[0], ids, places)
    time = torch.arange(segments).expand(count, -1)
    return pairs_right(before(model.pair_logits(joined)[1]), time)


@torch.no_grad()
def matched(model: Merlot, films: Films) -> float:
    """Of the lines that name their frame's state, the share nearest to it among the four frames of their film."""
    seen, lines = model.see(as_pixels(films.frames))[1], model.read(films.ids)[0]
    nearest = (lines @ seen.mT).argmax(dim=-1)
    right = nearest == torch.arange(films.ids.shape[1])
    return float(right[torch.from_numpy(films.told)].float().mean())


@torch.no_grad()
def still_features(model: Merlot, films: Films, frame: Sequence[int], *, seed: int = 0) -> Float[Tensor, "n dim"]:
    """The joint transformer's summary of one frame of each film, alone and beside a line that says nothing."""
    rows = torch.arange(len(films)), torch.as_tensor(frame)
    silent = without_words(films.ids[:, :1], seed)
    return model.join(model.see(as_pixels(films.frames[rows][:, None]))[0], silent).frames[:, 0]


def ridge_right(
    train: tuple[Float[Tensor, "n dim"], Mapping[str, Int[Tensor, " n"]]],
    test: tuple[Float[Tensor, "m dim"], Mapping[str, Int[Tensor, " m"]]],
) -> dict[str, float]:
    """Questions answered by a linear map of frozen features: the share right by question, on `test`.

    One ridge regression per question onto one-hot answers; its strength is chosen among `RIDGES` on the last
    quarter of `train`, by the mean over the questions. Raises: ValueError if the questions differ.
    """
    if set(train[1]) != set(test[1]):
        raise ValueError(f"test asks {sorted(test[1])}, expected the questions of train: {sorted(train[1])}")
    held = len(train[0]) * 3 // 4
    part = lambda rows: (train[0][rows], {name: answers[rows] for name, answers in train[1].items()})  # noqa: E731
    scores = {ridge: _right(part(slice(held)), part(slice(held, None)), ridge) for ridge in RIDGES}
    best = max(RIDGES, key=lambda ridge: sum(scores[ridge].values()))
    return _right(train, test, best)


def _right(train, test, ridge: float) -> dict[str, float]:
    mean, std = train[0].mean(dim=0), train[0].std(dim=0) + 1e-6
    widen = lambda x: F.pad((x - mean) / std, (0, 1), value=1.0).double()  # noqa: E731
    x, y = widen(train[0]), widen(test[0])
    gram = x.T @ x + ridge * torch.eye(x.shape[1], dtype=x.dtype)
    found = {}
    for name, answers in train[1].items():
        targets = F.one_hot(answers.long()).double()
        guess = (y @ torch.linalg.solve(gram, x.T @ targets)).argmax(dim=1)
        found[name] = float((guess == test[1][name]).double().mean())
    return found
