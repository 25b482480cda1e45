"""Slow references for the attention tests: plain loops over positions in float64, written from the definition.

Nothing here uses the library: the last image is found by walking back from each position to the nearest tag.
"""

import math

import torch


def last_image_before(is_image, example, position):
    """The number of the image whose tag is nearest at or before `position`, from 1; None without one."""
    for here in range(position, -1, -1):
        if is_image[example][here]:
            return sum(1 for tag in is_image[example][: here + 1] if tag)
    return None


def weighted_sum(query, keys, values):
    """Softmax attention of one query over a list of keys, one number at a time in float64."""
    scores = [sum(a * b for a, b in zip(query, key, strict=True)) / math.sqrt(len(query)) for key in keys]
    largest = max(scores)
    weights = [math.exp(score - largest) for score in scores]
    total = sum(weights)
    return [
        sum(w * value[d] for w, value in zip(weights, values, strict=True)) / total for d in range(len(values[0]))
    ]


def slow_attention(q, k, v, is_image, attend):
    """q [batch heads seq dim], k and v [batch heads images tokens dim], is_image [batch seq] -> as q, float64."""
    q, k, v, tags = q.double(), k.double(), v.double(), is_image.tolist()
    batch, heads, seq, dim = q.shape
    out = torch.zeros(batch, heads, seq, dim, dtype=torch.float64)
    for b in range(batch):
        for position in range(seq):
            last = last_image_before(tags, b, position)
            if last is None:
                continue
            images = [last - 1] if attend == "last" else range(last)
            for h in range(heads):
                keys = [key for image in images for key in k[b, h, image].tolist()]
                values = [value for image in images for value in v[b, h, image].tolist()]
                row = weighted_sum(q[b, h, position].tolist(), keys, values)
                out[b, h, position] = torch.tensor(row, dtype=torch.float64)
    return out
