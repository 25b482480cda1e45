"""Records as text, as an HTML card and as a small dot plot. A record is the dictionary of `Verdict.record()`.

Every number shown is computed from the record alone, so that the notebook and the scoreboard cannot differ.
"""

from html import escape
from statistics import fmean
from typing import Any

from vlm_lib.claims.dotplot import dot_plot, number
from vlm_lib.figures import html

Record = dict[str, Any]


def seeds_sentence(record: Record) -> str:
    """How the per-seed effects stand against the threshold."""
    above = sum(effect > record["threshold"] for effect in record["effects"])
    threshold = number(record["threshold"], sign=True)
    return f"{above} of {len(record['effects'])} seeds lie above the threshold of {threshold}."


def effect_sentence(record: Record) -> str:
    """Mean, spread and range of the effect, in words."""
    better = "higher" if record["higher_is_better"] else "lower"
    effects = record["effects"]
    mean, low, high = (number(value, sign=True) for value in (record["effect"], min(effects), max(effects)))
    return (
        f"Effect {mean} (spread {number(record['spread'])}, from {low} to {high}) in {record['metric']}, "
        f"{better} is better: {record['treatment']} against {record['control']}."
    )


def baseline_sentence(record: Record) -> str:
    """Whether the treatment beats every baseline in every seed; empty without baselines."""
    if not record["baselines"]:
        return ""
    sign = 1 if record["higher_is_better"] else -1
    treated = record["arms"][record["treatment"]]
    beaten = {
        name: sum(sign * (t - b) > 0 for t, b in zip(treated, record["arms"][name], strict=True))
        for name in record["baselines"]
    }
    listed = ", ".join(f"{name} in {wins} of {len(treated)} seeds" for name, wins in beaten.items())
    return f"Better than the baselines: {listed}."


def as_text(record: Record) -> str:
    """Plain text for a terminal."""
    if record["kind"] == "answer":
        evidence = "\n".join(f"    {name}: {value}" for name, value in record["evidence"].items())
        return f"{record['id']}: answered\n  {record['question']}\n  Check passed: {record['check']}\n{evidence}"
    width = max(map(len, record["arms"]))
    lines = [f"{record['id']}: {record['verdict']}", f"  {record['hypothesis']}"]
    lines += [f"  {effect_sentence(record)}", f"  {seeds_sentence(record)}", f"  {baseline_sentence(record)}"]
    for arm, values in record["arms"].items():
        lines.append(f"    {arm:{width}}  " + "  ".join(f"{number(value):>9}" for value in values))
    lines.append(f"  seeds {record['seeds']}, {record['seconds']} s on {record['device']}")
    return "\n".join(line for line in lines if line.strip())


def as_html(record: Record) -> str:
    """A card for the notebook's output."""
    body = _answer_html(record) if record["kind"] == "answer" else _verdict_html(record)
    return f'{html.style()}<div class="vlm-card vlm-record">{body}</div>'.replace("\n", "")


def badge(verdict: str) -> str:
    """The verdict as a word in a frame: the word carries the meaning, the colour only helps."""
    return f'<span class="vlm-badge vlm-{escape(verdict)}">{escape(verdict)}</span>'


def _answer_html(record: Record) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>'
        for name, value in record["evidence"].items()
    )
    return (
        f"<p><strong>{record['id']}</strong> {badge(record['verdict'])}</p><p>{escape(record['question'])}</p>"
        f"<p>Check passed: {escape(record['check'])}</p>"
        f'<div class="vlm-scroll" tabindex="0" role="region" aria-label="Evidence for {record["id"]}">'
        f"<table><tbody>{rows}</tbody></table></div>"
    )


def _verdict_html(record: Record) -> str:
    roles = {record["treatment"]: "treatment", record["control"]: "control"}
    head = "".join(f'<th scope="col" class="vlm-n">seed {seed}</th>' for seed in record["seeds"])
    rows = "".join(
        f'<tr><th scope="row">{escape(arm)}</th><td>{roles.get(arm, "baseline")}</td>'
        + "".join(f'<td class="vlm-n">{number(value)}</td>' for value in values)
        + f'<td class="vlm-n">{number(fmean(values))}</td></tr>'
        for arm, values in record["arms"].items()
    )
    return (
        f"<p><strong>{record['id']}</strong> {badge(record['verdict'])} {escape(record['hypothesis'])}</p>"
        f"{dot_plot(record)}<p>{escape(effect_sentence(record))} {escape(seeds_sentence(record))}</p>"
        f'<div class="vlm-scroll" tabindex="0" role="region" aria-label="Measurements for {record["id"]}"><table>'
        f'<thead><tr><th scope="col">arm</th><th scope="col">role</th>{head}'
        f'<th scope="col" class="vlm-n">mean</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div><p>{escape(baseline_sentence(record))}</p>"
        f'<p class="vlm-dim">Measured in {record["seconds"]} s on {escape(record["device"])}.</p>'
    )
