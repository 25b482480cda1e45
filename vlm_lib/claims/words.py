"""A record in words: the effect as a reader would say it, and how the seeds stand against the threshold.

Every number is computed from the record alone, so that notebook, terminal and scoreboard cannot differ.
"""

from statistics import fmean
from typing import Any

Record = dict[str, Any]
MINUS = "\u2212"


def number(value: float, sign: bool = False, digits: int = 3) -> str:
    """Three significant digits, or all before the point, with a real minus sign; `sign` marks positive values."""
    form = ".0f" if abs(value) >= 10**digits else f".{digits}g"
    text = format(value, f"+{form}" if sign and value else form)
    return text.replace("-", MINUS)


def effect_sentence(record: Record) -> str:
    """The mean effect in the words of the claim, then its range: "Saves 86.2 ms on average (53.7 to 134 ...)"."""
    phrase, sign = _phrase(record)
    low, high = sorted(sign * effect for effect in record["effects"])[:: len(record["effects"]) - 1]
    said = phrase.replace("{effect}", number(abs(record["effect"])))
    between = f"{number(low)} to {number(high)}, seed by seed"
    return (
        f"{said[0].upper()}{said[1:]} on average ({between}): {record['treatment']} against {record['control']}."
    )


def _phrase(record: Record) -> tuple[str, int]:
    """The phrase for the effect, and the sign with which the phrase counts the record's effects."""
    if record["effect"] >= 0 and record.get("says"):
        return record["says"], 1
    if record["effect"] < 0 and record.get("says_if_negative"):
        return record["says_if_negative"], -1
    raises = (record["effect"] >= 0) == record[
        "higher_is_better"
    ]  # the treatment's value lies above the control's
    return f"{{effect}} {'more' if raises else 'less'} in {record['metric']}", 1 if record["effect"] >= 0 else -1


def seeds_sentence(record: Record) -> str:
    """How many seeds clear the threshold; if they agree, how often they would do so without any effect.

    Without an effect a seed falls on either side of zero as a coin does, beyond a threshold more seldom. That all
    stay below a threshold above zero is what no effect looks like: no chance is told there.
    """
    above, seeds = sum(effect > record["threshold"] for effect in record["effects"]), len(record["effects"])
    where = f"above the threshold of {number(record['threshold'])}"
    if 0 < above < seeds:
        return f"{above} of {seeds} seeds lie {where}."
    beyond = record["threshold"] if above else -record["threshold"]
    who = f"All {seeds} seeds lie {where}" if above else f"None of {seeds} seeds lies {where}"
    if beyond < 0:
        return f"{who}."
    return f"{who}; without any effect that happens {'at most ' if beyond else ''}{chance(seeds)} times."


def baseline_sentence(record: Record) -> str:
    """The means of the other arms, without a judgement: one of them may be a bound that nothing should reach."""
    if not record["baselines"]:
        return ""
    listed = ", ".join(f"{name} {number(fmean(record['arms'][name]))}" for name in record["baselines"])
    return f"For comparison: {listed}."


def chance(seeds: int) -> str:
    """How often all seeds would fall on one given side of zero by the toss of a coin: "1 in 32"."""
    return f"1 in {2**seeds}"


def threshold_words(record: Record) -> str:
    """Where the threshold lies on the metric's own axis."""
    step = record["threshold"] if record["higher_is_better"] else -record["threshold"]
    if not step:
        return "the control's mean"
    return f"the control's mean {'+' if step > 0 else MINUS} {number(abs(step))}"


def as_text(record: Record) -> str:
    """Plain text for a terminal."""
    lines = [f"{record['id']}: {record['verdict']}"]
    if record["kind"] == "verdict":
        lines += [record["hypothesis"], effect_sentence(record), seeds_sentence(record)]
        width = max(map(len, record["arms"]))
        for arm, values in record["arms"].items():
            lines.append(f"  {arm:{width}}  " + "  ".join(f"{number(value):>9}" for value in values))
        lines.append(f"seeds {record['seeds']}, {record['metric']}; {record['seconds']} s on {record['device']}")
    else:
        lines += [
            record["statement" if record["kind"] == "exact" else "question"],
            f"Check passed: {record['check']}",
        ]
        lines += [f"  {name}: {value}" for name, value in record["evidence"].items()]
    return "\n  ".join(lines)
