"""`book/evidence.yml`, what the papers measured: complete, consistent, and citing papers that the book lists.

The arithmetic is checked because a wrong sign or a swapped arm is the mistake that a reader would not notice.
"""

import re
from pathlib import Path

import pytest
import yaml

BOOK = Path(__file__).resolve().parents[2] / "book"
LEDGER = (BOOK / "ledger.yml").read_text(encoding="utf-8")
IDS = sorted(re.findall(r"^\s*(?:- )?id: ([CQ]\d\d)\s*$", LEDGER, re.MULTILINE))
EVIDENCE = yaml.safe_load((BOOK / "evidence.yml").read_text(encoding="utf-8"))
PAPERS = set(re.findall(r"^@\w+\{([^,\s]+),", (BOOK / "references.bib").read_text(encoding="utf-8"), re.MULTILINE))

TEXTS = ("version", "where", "model", "metric")
RESULT_KEYS = {"paper", *TEXTS, "better", "values", "treatment", "control", "effect", "known"}
KNOWN = {"seen", "secondary", "memory"}


def results_of(entry: dict) -> list[dict]:
    return entry.get("results") or []


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def problems(name: str, entry: dict) -> list[str]:
    """What is wrong with one entry, in words; empty when nothing is."""
    found = []
    unknown = set(entry) - {"measured", "summary", "results", "caveat"}
    if unknown:
        found.append(f"{name}: unknown keys {sorted(unknown)}")
    if not isinstance(entry.get("measured"), bool):
        found.append(f"{name}: measured is neither true nor false")
    if entry.get("measured") != bool(results_of(entry)):
        found.append(f"{name}: measured says {entry.get('measured')}, with {len(results_of(entry))} results")
    for key in ("summary", "caveat"):
        text = entry.get(key, "." if key == "caveat" else None)
        if not isinstance(text, str) or not text.strip().endswith("."):
            found.append(f"{name}: its {key} is not a sentence that ends with a period")
    from_memory = any(result.get("known") == "memory" for result in results_of(entry))
    if from_memory and "as we remember" not in str(entry.get("summary")).lower():
        found.append(f"{name}: rests on memory, and its summary does not say so")
    for number, result in enumerate(results_of(entry)):
        found += [f"{name}, result {number}: {problem}" for problem in result_problems(result)]
    return found


def result_problems(result: dict) -> list[str]:
    """What is wrong with one comparison."""
    if set(result) != RESULT_KEYS:
        return [f"its keys differ from the schema: {sorted(set(result) ^ RESULT_KEYS)}"]
    found = [f"{key} is empty" for key in TEXTS if not isinstance(result[key], str) or not result[key].strip()]
    if result["paper"] not in PAPERS:
        found.append(f"{result['paper']} is not in references.bib")
    if result["better"] not in ("higher", "lower"):
        found.append(f"better is {result['better']!r}")
    if result["known"] not in KNOWN:
        found.append(f"known is {result['known']!r}")
    return found + effect_problems(result)


def effect_problems(result: dict) -> list[str]:
    """Treatment and control name values; the effect is their difference, positive in the claim's favour."""
    values, treatment, control, effect = (result[key] for key in ("values", "treatment", "control", "effect"))
    if not isinstance(values, dict) or not all(is_number(value) for value in values.values()):
        return ["values are not numbers by name"]
    if not values:  # a plot whose values the paper does not print
        return [] if (treatment, control, effect) == (None, None, None) else ["an effect without values"]
    if treatment not in values:
        return [f"treatment {treatment!r} names no value"]
    if control is None:
        return [] if effect is None else ["an effect without a control"]
    if control not in values or control == treatment:
        return [f"control {control!r} names no other value"]
    difference = values[treatment] - values[control]
    expected = difference if result["better"] == "higher" else -difference
    if not is_number(effect) or abs(effect - expected) > 1e-9:
        return [f"effect {effect}, where the values give {expected:.6g}"]
    return []


def test_every_id_of_the_ledger_has_an_entry_and_no_other():
    assert len(IDS) > 50
    assert sorted(EVIDENCE) == IDS


@pytest.mark.parametrize("name", sorted(EVIDENCE))
def test_entry_is_consistent(name):
    assert problems(name, EVIDENCE[name]) == []


def test_no_line_is_longer_than_a_screen():
    lines = (BOOK / "evidence.yml").read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, start=1) if len(line) >= 140] == []


def a_result(**changes) -> dict:
    result = {
        "paper": sorted(PAPERS)[0],
        "version": "arXiv v1",
        "where": "Table 1",
        "model": "a model",
        "metric": "accuracy, %",
        "better": "higher",
        "values": {"with": 3.0, "without": 1.0},
        "treatment": "with",
        "control": "without",
        "effect": 2.0,
        "known": "seen",
    }
    return result | changes


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"effect": -2.0}, id="wrong sign"),
        pytest.param({"better": "lower"}, id="lower is better, sign not turned"),
        pytest.param({"effect": 2.1}, id="wrong difference"),
        pytest.param({"treatment": "neither"}, id="treatment names no value"),
        pytest.param({"control": "neither"}, id="control names no value"),
        pytest.param({"control": None}, id="effect without control"),
        pytest.param({"values": {}}, id="effect without values"),
        pytest.param({"values": {"with": "3", "without": 1.0}}, id="value that is text"),
        pytest.param({"paper": "nobody1900nothing"}, id="unknown paper"),
        pytest.param({"known": "surely"}, id="unknown provenance"),
        pytest.param({"where": " "}, id="no place in the paper"),
        pytest.param({"extra": 1}, id="key outside the schema"),
    ],
)
def test_a_wrong_result_is_noticed(changes):
    assert result_problems(a_result()) == []
    assert result_problems(a_result(**changes)) != []


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"measured": True, "summary": "They measured."}, id="measured without results"),
        pytest.param({"measured": False, "summary": "No.", "results": [a_result()]}, id="results not measured"),
        pytest.param({"measured": False, "summary": ""}, id="empty summary"),
        pytest.param({"measured": False, "summary": "measured nothing"}, id="no period"),
        pytest.param(
            {"measured": True, "summary": "So it is.", "results": [a_result(known="memory")]}, id="no hedge"
        ),
    ],
)
def test_a_wrong_entry_is_noticed(entry):
    assert problems("X00", entry) != []
