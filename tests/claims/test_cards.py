"""Cards: every arm and number is on them, drawn where it belongs, in words that say what happened."""

import re

import pytest
from bs4 import BeautifulSoup

from vlm_lib import claims
from vlm_lib.claims import MIME, Claim
from vlm_lib.claims.words import effect_sentence, number, seeds_sentence

ARMS = {
    "with": [100.0, 110.0, 120.0],
    "without": [190.0, 195.0, 191.0],
    "ideal": [10.0, 10.0, 10.0],  # an upper bound, not something to be beaten
}
EFFECTS = [90.0, 85.0, 71.0]  # without - with: lower is better


def verdict(arms=ARMS, **changes):
    fields = {"hypothesis": "A `resampler` saves time.", "metric": "time (ms)", "threshold": 20.0}
    fields |= {"treatment": "with", "control": "without", "baselines": ("ideal",), "higher_is_better": False}
    claim = Claim("C19", **(fields | {"chapter": "34_flamingo", "says": "saves {effect} ms"} | changes))
    return claim.measure({arm: lambda seed, v=v: v[seed] for arm, v in arms.items()}, seeds=(0, 1, 2))


def page(shown):
    return BeautifulSoup(shown._repr_mimebundle_()["text/html"], "html.parser")


def places(row):
    """Where a chart's row has its dots, in percent."""
    return [float(dot["cx"].rstrip("%")) for dot in row.select("circle")]


def test_the_effect_is_said_in_the_claims_words():
    said = effect_sentence(verdict().record())
    assert said == "Saves 82 ms on average (71 to 90, seed by seed): with against without."


def test_a_negative_effect_has_its_own_words_or_plain_ones():
    slower = {**ARMS, "with": [290.0, 293.0, 292.0]}
    said = effect_sentence(verdict(slower, says_if_negative="costs {effect} ms").record())
    assert said.startswith("Costs 99.7 ms on average (98 to 101, seed by seed)")
    plain = effect_sentence(verdict(slower).record())
    assert plain.startswith("99.7 more in time (ms) on average (98 to 101, seed by seed)")
    assert effect_sentence(verdict(says=None).record()).startswith("82 less in time (ms)")


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.0, "All 3 seeds lie above the threshold of 0; without any effect that happens 1 in 8 times."),
        (20.0, "All 3 seeds lie above the threshold of 20; without any effect that happens at most 1 in 8 times."),
        (80.0, "2 of 3 seeds lie above the threshold of 80."),
        (95.0, "None of 3 seeds lies above the threshold of 95."),  # what no effect looks like
    ],
)
def test_the_seeds_are_counted_against_the_threshold(threshold, expected):
    assert seeds_sentence(verdict(threshold=threshold).record()) == expected


def test_the_chart_has_a_row_for_every_arm_with_its_seeds_and_mean():
    rows = page(verdict()).select(".vlm-row")
    by_label = {row.select_one(".vlm-label").get_text(" ", strip=True): row for row in rows}
    for label, mean in (("with treatment", "110"), ("without control", "192"), ("ideal baseline", "10")):
        assert len(places(by_label[label])) == 3
        assert by_label[label].select_one(".vlm-n").get_text() == mean
    kinds = [row.select_one("circle")["class"][0] for row in rows if row.select("circle")]
    assert len(set(kinds)) == 4  # treatment, control and baseline are told apart, and so is the row that decides


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_everything_is_drawn_on_one_scale(higher_is_better):
    chart = page(verdict(higher_is_better=higher_is_better))
    rows = [row for row in chart.select(".vlm-row") if row.select("circle")]
    drawn = {value: place for row, values in zip(rows, ARMS.values(), strict=False)
             for value, place in zip(values, places(row), strict=True)}  # fmt: skip
    low, high = min(drawn), max(drawn)
    unit = (drawn[high] - drawn[low]) / (high - low)

    def at(value):
        return pytest.approx(drawn[low] + (value - low) * unit, abs=0.02)

    assert all(place == at(value) for value, place in drawn.items())
    assert all(0 <= place <= 100 for place in drawn.values())
    control, sign = sum(ARMS["without"]) / 3, 1 if higher_is_better else -1
    lines = {line["x1"] for line in chart.select(".vlm-threshold")}
    assert [float(place.rstrip("%")) for place in lines] == [at(control + sign * 20)]
    # with higher is better, the effects are the same differences with the other sign: the dots do not move
    assert places(rows[-1]) == [at(control - effect) for effect in EFFECTS]


def test_only_the_seeds_beyond_the_threshold_are_marked_so():
    decides = page(verdict(threshold=80.0)).select(".vlm-decides circle")
    assert [dot["class"] for dot in decides] == [["vlm-above"], ["vlm-above"], ["vlm-below"]]


def test_alt_text_holds_every_number_that_is_drawn():
    alt = page(verdict()).select_one(".vlm-chart")["aria-label"]
    for part in ("with 100, 110, 120", "without 190, 195, 191", "ideal 10, 10, 10", "90, 85, 71", "threshold 20"):
        assert part in alt


def test_the_card_says_where_the_threshold_stands_and_judges_no_baseline():
    text = page(verdict()).get_text(" ")
    assert "threshold: the control's mean − 20" in text
    assert "left of the dashes" in text
    assert "For comparison: ideal 10." in text
    assert not re.search(r"lower is better|better than|\+8", text, re.IGNORECASE)


def test_the_table_is_folded_and_complete():
    table = next(d for d in page(verdict()).select("details") if d.summary.get_text() == "The numbers").table
    rows = [[cell.get_text() for cell in row.select("th, td")] for row in table.select("tr")]
    assert rows[0] == ["arm", "role", "seed 0", "seed 1", "seed 2", "mean"]
    assert rows[1] == ["with", "treatment", "100", "110", "120", "110"]


def test_seeds_that_are_all_alike_still_make_a_chart():
    alike = verdict({"with": [0.0] * 3, "without": [0.0] * 3, "ideal": [0.0] * 3}, threshold=0.0)
    assert len(page(alike).select("circle")) == 12


def test_texts_are_escaped():
    arms = {"<b>": ARMS["with"], "without": ARMS["without"], "ideal": ARMS["ideal"]}
    assert "<b>" not in verdict(arms, treatment="<b>", hypothesis="a < b")._repr_mimebundle_()["text/html"]


def test_theirs_stands_beside_ours():
    card = page(verdict())
    theirs = claims.theirs("C19")
    assert [head.get_text() for head in card.select(".vlm-both h4")] == ["Ours", "Theirs"]
    assert theirs.summary in card.select_one(".vlm-both").get_text()
    assert theirs.results[0]["where"] in card.get_text()


def test_what_the_papers_measured_reads_as_text_and_as_a_table():
    bundle = claims.theirs("C17")._repr_mimebundle_()
    for part in ("Table 10", "last image only 70.7", "Alayrac et al. 2022, arXiv v2"):
        assert part in bundle["text/plain"]
        assert part in bundle["text/html"]


def test_an_id_without_evidence_is_refused_by_name():
    with pytest.raises(ValueError, match="id is 'C98', expected one with an entry"):
        claims.theirs("C98")


def exact(**changes):
    fields = {
        "statement": "`phi` counts tags.",
        "check": "Equal on 60 pages.",
        "passed": True,
        "evidence": {"n": 60},
    }
    return claims.exact("C21", **(fields | changes), chapter="34_flamingo")


def test_an_exact_fact_is_a_record_with_its_proof():
    bundle = exact()._repr_mimebundle_()
    record = bundle[MIME]
    assert (record["kind"], record["verdict"], record["evidence"]) == ("exact", "exact", {"n": 60})
    assert "C21: exact" in bundle["text/plain"]
    card = BeautifulSoup(bundle["text/html"], "html.parser").get_text(" ")
    for part in ("exact", "counts tags", "Check passed: Equal on 60 pages.", "60", "Theirs"):
        assert part in card


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"passed": False}, AssertionError), ({"evidence": {}}, ValueError), ({"statement": " "}, ValueError)],
)
def test_an_exact_fact_without_its_proof_is_refused(changes, error):
    with pytest.raises(error):
        exact(**changes)


@pytest.mark.parametrize(
    ("value", "plain", "signed"),
    [(0.0, "0", "0"), (0.12345, "0.123", "+0.123"), (-0.5, "−0.5", "−0.5"), (12345.6, "12346", "+12346")],
)
def test_numbers_read_well(value, plain, signed):
    assert (number(value), number(value, sign=True)) == (plain, signed)
