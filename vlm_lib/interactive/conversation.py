"""The conversation of a captioner made of frozen models, line by line; change one line and read what follows.

Every line is recorded from the models, one run for each version of what the eyes say; the script looks it up.
Chapter: 43_socratic_models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from jaxtyping import UInt8
from torch import Tensor

from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri


@dataclass(frozen=True)
class Exchange:
    """What the language model was told of one picture, what it wrote, and how each judge scores that.

    candidates: different texts in the order in which they were written. hits: which have a true word. scores:
    judge -> one per candidate.
    """

    told: str
    candidates: list[str]
    hits: list[bool]
    scores: dict[str, list[float]]

    def caption(self, judge: str | None) -> str:
        """The judge's choice; the first candidate where nobody judges."""
        scores = self.scores[judge] if judge else [1.0]
        return self.candidates[scores.index(max(scores))]


def exchange(
    told: str,
    candidates: Sequence[str],
    judges: Mapping[str, Callable[[Sequence[str]], Tensor]],
    is_true: Callable[[str], bool],
) -> Exchange:
    """Record one run. judges: texts to scores of this picture. Raises: ValueError if all texts are empty."""
    said = [text for text in dict.fromkeys(candidates) if text]
    if not said:
        raise ValueError(f"candidates: got {list(candidates)}, expected one that is not empty")
    scores = {name: [round(score, 3) for score in judge(said).tolist()] for name, judge in judges.items()}
    return Exchange(told, said, [is_true(text) for text in said], scores)


def conversation(
    exchanges: Sequence[Mapping[str, Exchange]],
    pictures: UInt8[Tensor, "n 3 h w"],
    names: Sequence[str],
) -> Html:
    """The figure. exchanges: for each picture, by the version of what the eyes said.

    Raises: ValueError if there are not as many of each, or versions or judges differ between pictures.
    """
    if not len(exchanges) == len(pictures) == len(names) > 0:
        counts = f"{len(exchanges)}, {len(pictures)} pictures, {len(names)} names"
        raise ValueError(f"exchanges: got {counts}, expected as many of each, and at least one")
    versions = list(exchanges[0])
    judges = list(exchanges[0][versions[0]].scores)
    if any(list(each) != versions or any(list(x.scores) != judges for x in each.values()) for each in exchanges):
        raise ValueError(
            f"exchanges: versions or judges differ, expected {versions} and {judges} for every picture"
        )
    config = {
        "pictures": [data_uri(picture) for picture in pictures],
        "names": list(names),
        "versions": versions,
        "judges": judges,
        "exchanges": [[vars(each[version]) for version in versions] for each in exchanges],
    }
    return figure(
        "conversation",
        config=config,
        static=_static(config, exchanges),
        alt="Drawings, and for the chosen one the lines that an image-text model and a language model exchange "
        "about it: what the eyes say, what the language model writes, which caption is chosen",
        caption="Recorded from the models. A tick marks texts with a word of the drawing's own name or tags.",
    )


def _static(config: dict, exchanges: Sequence[Mapping[str, Exchange]]) -> str:
    """For every picture the first version's lines, with the first judge's choice."""
    version, judge = config["versions"][0], config["judges"][0]
    rows = "".join(
        f'<tr><td><img alt="drawing of {escape(name)}" width="64" height="64" src="{source}"></td>'
        f"<td>{escape(name)}</td>"
        f"<td>{escape(each[version].told)}</td><td>{escape(', '.join(each[version].candidates))}</td>"
        f"<td><b>{escape(each[version].caption(judge))}</b></td></tr>"
        for source, name, each in zip(config["pictures"], config["names"], exchanges, strict=True)
    )
    heads = ("drawing", "its name", "the eyes say", "the language model writes", f"{judge}: the caption")
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    return f'<div class="vlm-scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
