"""Zero-shot classification: a class is a direction in the space that images and texts share, made from prompts.

The functions see encoders only as functions from texts or images to unit vectors, so they are the same for the
small CLIP and for a pretrained one. Chapter: 02_contrastive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.checks import require_finite, require_shape

EncodeText = Callable[[list[str]], Tensor]


def prompts(classes: Sequence[str], templates: Sequence[str]) -> list[list[str]]:
    """For each class all templates with its name in the place of "{}": [classes][templates].

    Raises: ValueError for no class, no template, or a template without exactly one "{}".
    """
    if isinstance(classes, str) or not classes:
        raise ValueError(f"classes: got {classes!r}, expected a non-empty list of names")
    if isinstance(templates, str) or not templates:
        raise ValueError(f"templates: got {templates!r}, expected a non-empty list of texts")
    for template in templates:
        if template.count("{}") != 1:
            raise ValueError(f"templates: got {template!r}, expected exactly one {{}} in each")
    return [[template.format(name) for template in templates] for name in classes]


def class_vectors(encode_text: EncodeText, texts: Sequence[Sequence[str]]) -> Float[Tensor, "classes dim"]:
    """One unit vector a class: its texts are encoded, their unit vectors averaged, the mean brought to length 1.

    encode_text: texts to unit vectors [n dim]. texts: one list of prompts a class; the lists may differ in length.
    An ensemble therefore costs the same as a single prompt once the vectors are made.
    Raises: ValueError for no class or a class without a prompt.
    Source: CLIP, section 3.1.4 (arXiv 2103.00020). Chapter: 02_contrastive.
    """
    counts = [len(of_class) for of_class in texts]
    if not counts or 0 in counts:
        raise ValueError(
            f"texts: got {counts} prompts a class, expected at least one class and one prompt in each"
        )
    features = encode_text([text for of_class in texts for text in of_class])
    return F.normalize(torch.stack([part.mean(dim=0) for part in features.split(counts)]), dim=1)


def classify(
    image_features: Float[Tensor, "images dim"], classes: Float[Tensor, "classes dim"]
) -> Int[Tensor, " images"]:
    """The number of the nearest class of each image, by cosine; the first of equals.

    Raises: ValueError for wrong shapes or values that are not finite.
    """
    require_shape("image_features", image_features, images=None, dim=None)
    require_shape("classes", classes, classes=None, dim=image_features.shape[1])
    require_finite("image_features", image_features)
    require_finite("classes", classes)
    return (F.normalize(image_features, dim=1) @ F.normalize(classes, dim=1).T).argmax(dim=1)
