"""A question about a picture on its way through PICa: examples, prompt, answers with log-probabilities, ensemble.

Everything is recorded from a real language model; the script looks it up. Chapter: 42_pica.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from jaxtyping import Float, Int, UInt8
from torch import Tensor

from vlm_lib.checks import require_shape
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri

BARS = 5  # answers shown for a prompt


@dataclass(frozen=True)
class Example:
    """An example in a prompt; `drawing` is its row among all drawings."""

    drawing: int
    context: str
    question: str
    answer: str


@dataclass(frozen=True)
class Group:
    """One prompt: its examples, its text, and (answer, log p summed, log p per token), the likeliest first."""

    examples: list[Example]
    prompt: str
    answers: list[tuple[str, float, float]]

    @classmethod
    def of(
        cls,
        examples: Sequence[Example],
        prompt: str,
        answers: Sequence[str],
        log_probs: Float[Tensor, " answers"],
        lengths: Int[Tensor, " answers"],
    ) -> Group:
        """Rounded to hundredths of a nat; only the likeliest answers are kept, and the best per token."""
        order = log_probs.argsort(descending=True)[:BARS].tolist()
        best = int((log_probs / lengths).argmax())
        order += [best] if best not in order else []
        rows = [(answers[i], float(log_probs[i]), float(log_probs[i] / lengths[i])) for i in order]
        return cls(list(examples), prompt, [(name, round(s, 2), round(m, 2)) for name, s, m in rows])


@dataclass(frozen=True)
class Case:
    """A question. choices: name -> its prompts (several: an ensemble); kept: rule -> the ensemble's answer; votes:
    name -> the commonest answer of the first prompt's examples, or None."""

    drawing: int
    question: str
    truth: str
    context: str
    choices: Mapping[str, list[Group]]
    kept: Mapping[str, str]
    votes: Mapping[str, str | None]


def pica_prompt(cases: Sequence[Case], drawings: UInt8[Tensor, "n 3 h w"]) -> Html:
    """The figure. drawings: all of them, of which those that are shown travel with the page.

    Raises: ValueError for no case, other shapes, or cases that differ in their choices.
    """
    require_shape("drawings", drawings, n=None, channels=3, height=None, width=None)
    if not cases or any(list(case.choices) != list(cases[0].choices) for case in cases):
        raise ValueError(
            f"cases: got {[list(case.choices) for case in cases]}, expected one or more, alike in choices"
        )
    rows = {case.drawing for case in cases}
    rows |= {e.drawing for case in cases for gs in case.choices.values() for group in gs for e in group.examples}
    sources = {str(row): data_uri(drawings[row], 48) for row in sorted(rows)}
    config = {
        "pictures": sources,
        "cases": [
            vars(case)
            | {"choices": [[name, [_plain(group) for group in groups]] for name, groups in case.choices.items()]}
            | {"kept": list(case.kept.items())}
            for case in cases
        ],
    }
    return figure(
        "pica_prompt",
        config=config,
        static=_static(cases[0], sources),
        alt="Questions about drawings: the chosen examples, the prompt made of them, and what the language model "
        "answers, with log-probabilities",
        caption="Recorded from SmolLM2-135M-Instruct. No prompt holds a picture: the drawings stand beside their "
        "examples for readers. Drawings: OpenMoji, CC BY-SA 4.0.",
    )


def _plain(group: Group) -> dict:
    return {"examples": [vars(e) for e in group.examples], "prompt": group.prompt, "answers": group.answers}


def _static(case: Case, sources: Mapping[str, str]) -> str:
    """The first question with the last choice: its first prompt's examples, the prompt, and its answers."""
    name, chosen = list(case.choices.items())[-1]
    picture = lambda row, alt: f'<img alt="{escape(alt)}" width="48" height="48" src="{sources[str(row)]}">'  # noqa: E731
    examples = "".join(
        f"<td>{picture(e.drawing, e.context)}<br>{escape(e.context)}<br>{escape(e.question)}<br>"
        f"<b>{escape(e.answer)}</b></td>"
        for e in chosen[0].examples
    )
    answers = "".join(
        f'<tr><th scope="row">{escape(answer)}{" (right)" if answer == case.truth else ""}</th>'
        f'<td class="vlm-n">{total:.2f}</td><td class="vlm-n">{mean:.2f}</td></tr>'
        for answer, total, mean in chosen[0].answers
    )
    return (
        f"<p>{picture(case.drawing, 'the drawing that is asked about')} {escape(case.question)} "
        f"Described as: {escape(case.context)}. Examples chosen {escape(name)}:</p>"
        f'<div class="vlm-scroll"><table><tbody><tr>{examples}</tr></tbody></table></div>'
        f"<pre>{escape(chosen[0].prompt)}</pre>"
        f'<div class="vlm-scroll"><table><thead><tr><th scope="col">answer</th><th scope="col">log p</th>'
        f'<th scope="col">per token</th></tr></thead><tbody>{answers}</tbody></table></div>'
    )
