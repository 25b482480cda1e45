"""The evaluation chapter's pictures show the numbers they are given."""

import numpy as np
import pytest

from vlm_lib.figures import evaluation


def test_every_metric_looks_at_something_and_none_at_everything():
    axes = evaluation.what_metrics_see()
    filled = [line for line in axes.lines if line.get_markerfacecolor() != "none"]
    assert len(axes.lines) == len(evaluation.LOOKS_AT) * len(evaluation.COLUMNS)
    assert len(filled) == sum(map(len, evaluation.LOOKS_AT.values()))
    assert all(0 < len(seen) < len(evaluation.COLUMNS) for seen in evaluation.LOOKS_AT.values())


def test_damage_prints_each_share():
    left = np.array([[1.0, 1.0], [0.25, 0.5]])
    axes = evaluation.damage(left, ["true", "false"], ["BLEU", "CIDEr"])
    assert [text.get_text() for text in axes.texts] == ["1.00", "1.00", "0.25", "0.50"]


def test_corpus_size_draws_every_corpus():
    axes = evaluation.corpus_size({"random": {1: [0, 0], 10: [7, 8]}, "alike": {1: [0, 0], 10: [6, 7]}})
    assert [
        list(line.get_ydata()) for line in axes.lines if len(line.get_xdata()) == 2 and line.get_marker() == "None"
    ] == [
        [0, 7.5],
        [0, 6.5],
    ]


def test_yes_no_panels_have_a_line_for_each_share():
    scores = {"accuracy": 0.9, "precision": 0.8, "recall": 0.7, "yes": 0.4}
    figure = evaluation.yes_no_panels({"scenes": {"random": scores, "half right": scores}})
    lines = figure.axes[0].lines[:4]
    assert [line.get_ydata()[0] for line in lines] == list(scores.values())


def test_vqa_curves_and_judges():
    axes = evaluation.vqa_curves([0, 0.3], [0, 1 / 3])
    assert axes.lines[1].get_ydata()[1] == pytest.approx(1 / 3)
    figure = evaluation.judged({"A": {"true": [1, 2], "picked": [3, 4]}, "B": {"true": [1], "picked": [2]}})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["A", "B"]
    assert list(figure.axes[0].lines[1].get_ydata()) == [3, 4]
