"""A playground for caption metrics: type a candidate and references, and see every score and n-gram match.

Everything is computed in the page, by the formulas of `vlm_lib.evaluation`; a test compares the two. Chapter:
51_evaluation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from vlm_lib.checks import check_range
from vlm_lib.evaluation.captions import bleu, cider, rouge_l
from vlm_lib.evaluation.ngrams import read_corpus, tokenize
from vlm_lib.evaluation.vqa import vqa_accuracy
from vlm_lib.interactive.figure import Html, figure

MAX_N = 4


def caption_scores(
    candidate: str,
    references: Sequence[str],
    others: Sequence[Sequence[str]],
    *,
    examples: Mapping[str, str],
    images: int | None = None,
) -> Html:
    """The figure, starting with one candidate.

    references: captions that people gave this image; others: those of further images, from which CIDEr takes its
    word weights; `images` of them, this one included, count at first (all if None). examples: candidates to try,
    by name. Texts are put through `tokenize`. Raises: ValueError for no references, empty ones, or a bad number.
    """
    images = check_range("images", images or len(others) + 1, 1, len(others) + 1)[0]
    references = [tokenize(text) for text in references]
    others = [[tokenize(text) for text in of_image] for of_image in others]
    read_corpus([""] * (len(others) + 1), [references, *others])
    scores = score(candidate, references, others[: images - 1])
    return figure(
        "caption_scores",
        config={
            "candidate": candidate,
            "references": references,
            "others": others,
            "images": images,
            "examples": [list(pair) for pair in examples.items()],  # in their order
        },
        static=_static(candidate, references, scores),
        alt="A field for a candidate caption and one for references; below them BLEU, ROUGE-L, CIDEr and VQA "
        "accuracy as bars, and the candidate's n-grams, marked by whether a reference has them",
        caption="Computed in this page from what you type; the same numbers as the library's. Scores that need a "
        "model (CLIPScore, SPICE) or a whole data set (recall@k) are not here.",
    )


def score(candidate: str, references: Sequence[str], others: Sequence[Sequence[str]]) -> dict[str, float]:
    """What the page shows, by the library: BLEU-1 to 4, ROUGE-L, CIDEr and VQA accuracy of one candidate."""
    said, corpus = [tokenize(candidate)], [list(references)]
    scores = {f"BLEU-{n}": value for n, value in enumerate(bleu(said, corpus).each[0].tolist(), start=1)}
    scores["ROUGE-L"] = float(rouge_l(said, corpus)[0])
    scores["CIDEr"] = float(cider([*said, *[""] * len(others)], [*corpus, *others])[0])
    if len(references) > 1:
        scores["VQA accuracy"] = vqa_accuracy(candidate, references)
    return scores


def matches(candidate: str, references: Sequence[str], n: int) -> list[tuple[str, bool]]:
    """The candidate's n-grams in order, and whether each counts: as often as the richest reference has it."""
    grams = lambda words: [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]  # noqa: E731
    most: Counter = Counter()
    for reference in references:
        most |= Counter(grams(reference.split()))
    found = []
    for gram in grams(tokenize(candidate).split()):
        found.append((gram, most[gram] > 0))
        most[gram] -= 1
    return found


def _static(candidate: str, references: Sequence[str], scores: Mapping[str, float]) -> str:
    said = " ".join(
        f"<mark>{escape(gram)}</mark>" if counts else escape(gram)
        for gram, counts in matches(candidate, references, 1)
    )
    rows = "".join(f'<tr><th scope="row">{name}</th><td>{value:.3f}</td></tr>' for name, value in scores.items())
    listed = "".join(f"<li>{escape(text)}</li>" for text in references)
    return (
        f"<p><b>Candidate</b> (words that a reference has are marked): {said}</p><p><b>References</b></p>"
        f"<ul>{listed}</ul><table><tbody>{rows}</tbody></table>"
    )
