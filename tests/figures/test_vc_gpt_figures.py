"""Pictures of the chapter on VC-GPT: the numbers that they draw."""

from vlm_lib.figures import vc_gpt


def test_authors_scores_has_a_panel_a_metric_and_a_dot_a_model():
    figure = vc_gpt.authors_scores({"CIDEr": {"a": 120.6, "b": 127.7}, "BLEU-4": {"a": 35.5, "b": 37.3}})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["CIDEr", "BLEU-4"]
    assert list(figure.axes[0].lines[0].get_xdata()) == [120.6, 127.7]


def test_three_bars_draws_each_column():
    figure = vc_gpt.three_bars(["red", "blue"], {"LM": [0.5, 0.5], "fusion": [0.8, 0.2], "sum": [0.8, 0.2]})
    assert [[bar.get_width() for bar in axes.patches] for axes in figure.axes] == [
        [0.5, 0.5],
        [0.8, 0.2],
        [0.8, 0.2],
    ]


def test_moved_has_a_row_for_each_exchange():
    figure = vc_gpt.moved({"language term, image": [0.0, 0.0], "fusion term, image": [1.0, 2.0]}, ["a", "ring"])
    assert [[bar.get_height() for bar in axes.patches] for axes in figure.axes] == [[0.0, 0.0], [1.0, 2.0]]


def test_curves_are_means_over_seeds():
    axes = vc_gpt.curves({"a": [[4.0, 2.0], [2.0, 1.0]]}, text_only=1.5)
    assert list(axes.lines[0].get_ydata()) == [3.0, 1.5]
    assert list(axes.lines[1].get_ydata()) == [1.5, 1.5]


def test_bars_by_kind_of_word():
    axes = vc_gpt.by_kind_of_word({"LM": {"colour": 2.0, "other": 0.1}, "sum": {"colour": 0.2, "other": 0.1}})
    assert [bar.get_height() for bar in axes.patches] == [2.0, 0.1, 0.2, 0.1]


def test_trade_draws_every_arm_where_it_was_measured():
    axes = vc_gpt.trade({"on top, frozen": (0.4, 0.8), "inside": (0.2, 2.1)}, before=0.8)
    points = [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in axes.lines[:2]]
    assert points == [(0.4, 0.8), (0.2, 2.1)]
    assert axes.lines[0].get_marker() != axes.lines[1].get_marker()


def test_diagrams_name_their_parts():
    texts = [t.get_text() for t in vc_gpt.architecture().axes[0].texts]
    assert "GPT-2, no image" in texts
    assert "cross-attention" in [t.get_text() for t in vc_gpt.two_places().axes[0].texts]
