"""Captions under pictures, with the prefix's length and the LM's treatment as knobs, and what the LM still knows.

Every answer is recorded from trained models, one for each setting of the knobs; the script looks it up. Chapter:
22_clipcap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vlm_lib.evaluation.alignment import nearest_words
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri
from vlm_lib.models.clipcap import ClipCap

WORDS = 3  # nearest words shown for a vector of the prefix


@dataclass(frozen=True)
class Setting:
    """One trained model: what it says of each picture, the words nearest to its vectors, what its LM still knows.

    words: for each picture, for each vector, the nearest words. answers: the share of questions on texts.
    """

    captions: list[str]
    words: list[list[list[str]]]
    answers: float


@torch.no_grad()
def record(model: ClipCap, features: Float[Tensor, "n dim"], *, answers: float, max_tokens: int = 16) -> Setting:
    """Let one model caption the pictures with these features. Raises: ValueError as the model does."""
    table = model.lm.get_input_embeddings().weight
    near = nearest_words(model.mapper(features), table, WORDS).tolist()
    words = [[[model.tokenizer.decode([i]) for i in vector] for vector in picture] for picture in near]
    return Setting(model.captions(features, max_tokens=max_tokens), words, round(float(answers), 3))


def prefix_captions(
    settings: Mapping[str, Mapping[int, Setting]],
    pictures: UInt8[Tensor, "n 3 h w"],
    truth: Sequence[str],
    *,
    before: float,
    guess: float,
) -> Html:
    """The figure. settings: for each treatment of the LM, for each length. before, guess: answers of the LM as it
    was, and without the text that answers.

    Raises: ValueError if lengths differ between treatments, or a setting has not one caption per picture.
    """
    names, lengths = list(settings), list(next(iter(settings.values())))
    for name, by_length in settings.items():
        if list(by_length) != lengths:
            raise ValueError(f"settings: {name!r} has the lengths {list(by_length)}, expected {lengths}")
        for length, setting in by_length.items():
            if not len(setting.captions) == len(pictures) == len(truth):
                counts = f"{len(setting.captions)} captions, {len(pictures)} pictures, {len(truth)} true ones"
                raise ValueError(f"settings: {name!r}, {length}: {counts}, expected as many of each")
    sources = [data_uri(picture) for picture in pictures]
    config = {
        "names": names,
        "lengths": lengths,
        "pictures": sources,
        "truth": list(truth),
        "before": round(before, 3),
        "guess": round(guess, 3),
        "settings": {name: [vars(by_length[k]) for k in lengths] for name, by_length in settings.items()},
    }
    return figure(
        "prefix_captions",
        config=config,
        static=_static(config),
        alt="Pictures with the captions of captioners whose prefix length and language model can be chosen",
        caption="Recorded from trained models of the zoo, one for each setting of the two knobs.",
    )


def _static(config: dict) -> str:
    """For each treatment of the LM, at the greatest length: the captions, and what the LM still knows."""
    head = "".join(
        f'<td><img alt="{escape(true)}" width="64" height="64" src="{source}"></td>'
        for source, true in zip(config["pictures"], config["truth"], strict=True)
    )
    true = "".join(f"<td>{escape(text)}</td>" for text in config["truth"])
    rows = ""
    for name in config["names"]:
        last = config["settings"][name][-1]
        cells = "".join(f"<td>{escape(text)}</td>" for text in last["captions"])
        label = f"LM {name}, k = {config['lengths'][-1]}: answers {100 * last['answers']:.0f} % of text questions"
        rows += f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>'
    return (
        f'<div class="vlm-scroll"><table><tbody><tr><td></td>{head}</tr><tr><th scope="row">true</th>{true}</tr>'
        f"{rows}</tbody></table></div><p>Before training the LM answered {100 * config['before']:.0f} %.</p>"
    )
