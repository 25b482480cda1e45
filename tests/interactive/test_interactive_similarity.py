"""The similarity matrix before a browser sees it: its static picture, its pictures of images, what it refuses."""

import base64
import io
import re

import pytest
import torch
from PIL import Image

from vlm_lib.interactive import similarity_matrix
from vlm_lib.interactive.similarity_matrix import pair_target
from vlm_lib.losses import contrastive_loss

COSINES = torch.tensor([[0.9, -0.25, 0.1], [0.2, 0.5, 0.3], [0.0, 0.4, 0.75]])
IMAGES = ["red <disc>", "blue square", "green star"]
TEXTS = ["a red disc", "a blue square", "a green star"]
PIXELS = torch.full((3, 3, 96, 60), 200, dtype=torch.uint8)


def static(shown):
    return re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', shown.html, flags=re.DOTALL)[1]


def test_static_picture_shows_cosines_frames_pairs_and_says_the_loss():
    part = static(similarity_matrix(COSINES, IMAGES, TEXTS, logit_scale=5.0))
    cells = re.findall(r"<td([^>]*)>([^<]*)</td>", part)
    assert [text for _, text in cells] == ["0.90", "−0.25", "0.10", "0.20", "0.50", "0.30", "0.00", "0.40", "0.75"]
    assert [i for i, (kind, _) in enumerate(cells) if "vlm-pair" in kind] == [0, 4, 8]
    assert [i for i, (kind, _) in enumerate(cells) if "vlm-minus" in kind] == [1]
    assert '<th scope="row">1. red &lt;disc&gt;</th>' in part
    mean = contrastive_loss(COSINES, torch.eye(3), 5.0)
    assert f"{mean:.3f} in the mean" in part
    assert "logit_scale 5 (temperature 0.2)" in part
    assert f"guessing among 3 costs {torch.tensor(3.0).log():.3f}" in part


def test_pairs_with_equal_labels_share_the_target_and_the_loss_is_that_of_the_library():
    labels = [4, 7, 4]
    third = [[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]]
    assert pair_target(torch.tensor(labels)).tolist() == third
    part = static(similarity_matrix(COSINES, IMAGES, TEXTS, positives=labels))
    assert part.count("vlm-pair") == 5
    mean = contrastive_loss(COSINES, torch.eye(3), 1 / 0.07, positives=torch.tensor(labels))
    assert f"{mean:.3f} in the mean" in part


def test_thumbnails_are_small_pngs_inside_the_page_named_by_their_labels():
    plain, shown = (similarity_matrix(COSINES, IMAGES, TEXTS, thumbnails=t) for t in (None, PIXELS))
    sources = re.findall(r'<img alt="([^"]*)" title="[^"]*" src="data:image/png;base64,([^"]*)"', shown.html)
    assert [alt for alt, _ in sources] == ["red &lt;disc&gt;", "blue square", "green star"]
    assert shown.html.count("src=") == len(sources)
    for _, data in sources:
        picture = Image.open(io.BytesIO(base64.b64decode(data)))
        assert picture.size == (30, 48)
        assert picture.convert("RGB").getpixel((10, 10)) == (200, 200, 200)
    assert len(shown.html) < len(plain.html) + 3 * 600


def test_cosines_that_rounding_pushed_over_one_are_welcome():
    part = static(similarity_matrix(torch.eye(2, dtype=torch.bfloat16) * 1.0078, ["a", "b"], ["c", "d"]))
    assert part.count(">1.00<") == 2


def test_the_figure_is_small():
    assert len(similarity_matrix(COSINES, IMAGES, TEXTS).html.encode()) < 17_000
    eight = similarity_matrix(torch.eye(8), [f"image {i}" for i in range(8)], [f"a text {i}" for i in range(8)])
    assert len(eight.html.encode()) < 22_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"similarity": COSINES[:2]}, r"similarity has shape \[2, 3\], expected \[images texts=2\]"),
        ({"similarity": COSINES[0]}, r"similarity has shape \[3\]"),
        ({"similarity": torch.eye(1)}, "similarity has 1 pairs, expected 2 to 8"),
        ({"similarity": torch.eye(9)}, "similarity has 9 pairs, expected 2 to 8"),
        ({"similarity": torch.eye(3).long()}, "similarity has dtype torch.int64"),
        ({"similarity": COSINES * torch.nan}, "similarity must be finite"),
        ({"similarity": COSINES * 3}, "similarity holds a value of size 2.7, expected cosines"),
        ({"images": IMAGES[:2]}, "images is .*, expected 3 labels"),
        ({"texts": "abc"}, "texts is 'abc', expected 3 labels"),
        ({"texts": ["a", " ", "c"]}, "texts holds ' ', expected texts of 1 to 40"),
        ({"images": ["a", "b", "c" * 41]}, "images holds 'c+', expected texts of 1 to 40"),
        ({"images": ["a", "b", 3]}, "images holds 3, expected texts"),
        ({"logit_scale": 0.5}, "logit_scale is 0.5, expected 1 to 100"),
        ({"logit_scale": 101}, "logit_scale is 101, expected 1 to 100"),
        ({"logit_scale": float("nan")}, "logit_scale is nan"),
        ({"positives": [0, 1]}, r"positives is \[0, 1\], expected 3 integer labels"),
        ({"positives": [0, 1, 0.5]}, "positives is .*0.5.*, expected 3 integer labels"),
        ({"thumbnails": PIXELS[:2]}, r"thumbnails has shape \[2, 3, 96, 60\]"),
        ({"thumbnails": PIXELS[:, :1]}, r"thumbnails has shape \[3, 1, 96, 60\]"),
        ({"thumbnails": PIXELS.float()}, "thumbnails has dtype torch.float32, expected torch.uint8"),
    ],
)
def test_bad_input_is_refused_by_name(changes, message):
    good = {"similarity": COSINES, "images": IMAGES, "texts": TEXTS}
    assert similarity_matrix(**good).html
    with pytest.raises(ValueError, match=message):
        similarity_matrix(**(good | changes))
