"""The checkers of sheet 34_flamingo: right answers of other kinds, loops, and values of another type."""

import pytest
import torch
from torch import nn

from vlm_lib.attention.masks import last_image_mask
from vlm_lib.grading import flamingo


def cumsum(is_image):
    return is_image.cumsum(dim=1)


def by_broadcasting(phi, num_images, tokens_per_image):
    mask = phi[:, :, None, None] == torch.arange(1, num_images + 1)[:, None].expand(-1, tokens_per_image)
    return mask.flatten(2)


def by_exponentials(q, k, v, mask):
    weights = (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).exp() * mask
    return weights @ v / weights.sum(-1, keepdim=True).clamp(min=1e-20)


class VectorGate(nn.Module):
    """A gate whose scalar has an axis of its own, as checkpoints of others store it."""

    def __init__(self):
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x, update):
        return torch.addcmul(x, self.alpha.tanh(), update)


def by_one_backward(optimizer, losses, weights):
    optimizer.zero_grad()
    sum(weight * loss() for loss, weight in zip(losses, weights, strict=True)).backward()
    optimizer.step()


def by_lists(is_image, position):
    directly, earlier = 0, []
    for tag in is_image[: position + 1]:
        if tag:
            earlier.append(directly)
            directly += 1
    return frozenset([directly] if directly else []), frozenset(earlier) - {0}


@pytest.mark.parametrize("seed", [0, *range(3401, 3407)])
@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (flamingo.check_phi, cumsum),
        (flamingo.check_last_image_mask, by_broadcasting),
        (flamingo.check_masked_attention, by_exponentials),
        (flamingo.check_gated_residual, VectorGate),
        (flamingo.check_gated_residual, lambda: VectorGate()),
        (flamingo.check_mixture_step, by_one_backward),
        (flamingo.check_image_reach, by_lists),
    ],
)
def test_another_way_to_the_right_result_passes(check, answer, seed):
    report = check(answer, seed=seed)
    assert report.passed, report


def loop_with_items(is_image):
    phi = torch.zeros_like(is_image, dtype=torch.long)
    for row in range(is_image.shape[0]):
        for at in range(is_image.shape[1]):
            phi[row, at] = is_image[row, : at + 1].sum()
    return phi


def loop_over_lists(is_image):
    rows = [[sum(row[: at + 1]) for at in range(len(row))] for row in is_image.tolist()]
    return torch.tensor(rows)


def test_a_right_phi_by_a_loop_over_positions_is_noticed():
    assert "loop over positions" in flamingo.check_phi(loop_with_items).messages[0]
    assert "`tolist`" in flamingo.check_phi(loop_over_lists).messages[0]


def test_a_phi_for_one_size_of_batch_only_is_told_so():
    def fixed(is_image):
        if is_image.shape[1] > 9:
            raise RuntimeError("too long for me")
        return cumsum(is_image)

    assert "too long for me" in flamingo.check_phi(fixed).messages[0]


def test_right_values_of_a_wrong_kind_are_told_apart_from_wrong_values():
    assert "floating-point" in flamingo.check_phi(lambda tags: cumsum(tags).float()).messages[0]
    assert "not a tensor" in flamingo.check_phi(lambda tags: cumsum(tags).tolist()).messages[0]
    mask = flamingo.check_last_image_mask(lambda *case: last_image_mask(*case).long())
    assert "expected booleans" in mask.messages[0]


def test_an_answer_that_changes_its_input_is_told_so():
    def in_place(q, k, v, mask):
        out = by_exponentials(q, k, v, mask)
        mask.fill_(True)
        return out

    assert "changes its input" in flamingo.check_masked_attention(in_place).messages[0]


def test_an_object_where_a_class_is_asked_for_is_told_so():
    assert flamingo.check_gated_residual(VectorGate()).messages == (
        "Expected the class, got an object of type VectorGate.",
    )
