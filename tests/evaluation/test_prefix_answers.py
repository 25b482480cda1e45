"""The first word after the prefix, judged over the whole vocabulary."""

import torch

from vlm_lib.evaluation.prefix_answers import first_word_right
from vlm_lib.training.prefix_lm import batch_of


def test_only_the_first_word_after_each_prefix_counts():
    batch = batch_of(None, [[1, 4, 5, 6, 2], [1, 7, 2], [1, 8, 2]], [3, 1, 1], image_tokens=0, pad=0)
    said = torch.tensor([[0, 0, 6, 0, 0], [9, 2, 0, 0, 0], [8, 0, 0, 0, 0]])
    logits = torch.nn.functional.one_hot(said, 12).float()
    right = first_word_right(lambda images, ids, prefix_len: logits, batch)
    assert right.tolist() == [True, False, True]
