"""The picture of the two encoders and their table."""

import matplotlib.pyplot as plt
import pytest

from vlm_lib.figures import contrastive as contrastive_figures


def test_every_cosine_and_label_is_written():
    figure = contrastive_figures.clip([[0.8, -0.28], [0.96, 1.0]], ["red", "blue"], ["left", "right"])
    written = [text.get_text() for text in figure.axes[0].texts]
    plt.close(figure)
    cosines = ["0.80", "\N{MINUS SIGN}0.28", "0.96", "1.00"]
    for expected in [*cosines, "red", "blue", "left", "right", "$u_2$", "$v_1$"]:
        assert written.count(expected) == 1


@pytest.mark.parametrize("labels", [(["a"], ["b"]), (["a", "b"], ["c"])])
def test_refuses_a_table_without_one_label_a_row_and_column(labels):
    with pytest.raises(ValueError, match="similarity has shape"):
        contrastive_figures.clip([[1.0, 0.0], [0.0, 1.0]], *labels)
