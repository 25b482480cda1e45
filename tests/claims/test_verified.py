"""Fresh seeds against the committed verdicts."""

from vlm_lib.claims.verified import changed, compare, outcome_of


def record(hypothesis, verdict, effect, **more):
    seeds = {"seeds": [0, 1, 2], "notebook": "34_flamingo"}
    return (
        {"kind": "verdict", "id": "C17", "hypothesis": hypothesis, "verdict": verdict, "effect": effect}
        | seeds
        | more
    )


COMMITTED = [
    record("last image wins", "holds", 0.4),
    record("a size matters", "holds", 0.2),
    record("gone since", "fails", 0.0),
    {"kind": "answer", "id": "Q14", "verdict": "answered"},
]
FRESH = [
    record("a size matters", "inconclusive", 0.1),
    record("last image wins", "holds", 0.5),
    record("new", "fails", -0.1),
]


def test_hypotheses_are_matched_and_only_another_verdict_is_a_change():
    found = {entry["hypothesis"]: entry for entry in compare(COMMITTED, FRESH)}
    assert set(found) == {"last image wins", "a size matters", "gone since", "new"}
    assert found["last image wins"]["fresh"]["effect"] == 0.5
    assert found["last image wins"]["committed"]["effect"] == 0.4
    assert found["gone since"]["fresh"] is None
    assert found["new"]["committed"] is None
    assert {name for name, entry in found.items() if changed(entry)} == {"a size matters", "gone since", "new"}


def test_a_record_finds_its_outcome_in_its_own_chapter():
    verified = {"34_flamingo": {"records": compare(COMMITTED, FRESH)}}
    assert outcome_of(COMMITTED[1], verified)["fresh"]["verdict"] == "inconclusive"
    assert outcome_of(COMMITTED[1] | {"notebook": "33_merlot"}, verified) is None
    assert outcome_of(COMMITTED[3] | {"notebook": "34_flamingo"}, verified) is None
