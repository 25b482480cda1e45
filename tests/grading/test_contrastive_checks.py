"""The checkers of sheet 02_contrastive: answers that only seem right, and what the sheet says of its examples."""

import pytest
import torch
import torch.nn.functional as F
from helpers.tasks import solutions as solutions_of

from vlm_lib.grading import contrastive
from vlm_lib.grading.contrastive import gradient
from vlm_lib.losses import contrastive_loss as library_loss


@pytest.fixture(scope="module")
def solutions(tmp_path_factory):
    """The module of the sheet's own solutions."""
    return solutions_of("02_contrastive", tmp_path_factory.mktemp("sheet"))


def test_the_solutions_agree_with_the_library(solutions):
    x, y = torch.randn(2, 7, 5)
    t, labels = torch.tensor(2.0), torch.tensor([0, 1, 0, 2, 1, 0, 3])
    u, v = F.normalize(x, dim=1), F.normalize(y, dim=1)
    assert torch.allclose(solutions.clip_loss(x, y, t), library_loss(u, v, t.exp()))
    logits = t.exp() * u @ v.T
    assert torch.allclose(
        solutions.loss_with_duplicates(logits, labels), library_loss(u, v, t.exp(), positives=labels)
    )


def test_the_statement_is_right_about_its_examples(solutions):
    same = torch.ones(5, 3)
    assert torch.allclose(solutions.clip_loss(same, same, torch.tensor(1.0)), torch.tensor(5.0).log())
    assert solutions.clip_loss(same[:1], same[:1], torch.tensor(1.0)) == 0
    quarter = torch.tensor([[-0.25, 0.25], [0.25, -0.25]])
    assert torch.equal(solutions.loss_gradient(torch.zeros(2, 2), 1.0), quarter)
    prompts = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.8, 0.6], [-0.8, 0.6]]])
    image = torch.tensor([[0.6, 0.8]])
    assert solutions.zero_shot(image, prompts).tolist() == [1]
    assert (image @ prompts.mean(1).T)[0].tolist() == pytest.approx([0.6, 0.48])
    assert solutions.recall_at_k(torch.zeros(6, 6), 1) == 0
    tied = torch.tensor([[5.0, 5.0, 3.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert [solutions.recall_at_k(tied, k) for k in (1, 2)] == pytest.approx([2 / 3, 1])


@pytest.mark.parametrize(
    "by_luck",
    [
        lambda s, k: (s.topk(k, dim=1).indices == torch.arange(len(s))[:, None]).any(1).float().mean(),
        lambda s, k: (s.argsort(1, descending=True)[:, :k] == torch.arange(len(s))[:, None]).any(1).float().mean(),
        lambda s, k: (s.argsort(dim=1, descending=True, stable=True).argsort(1).diagonal() < k).float().mean(),
    ],
    ids=["topk", "argsort", "stable-argsort"],
)
@pytest.mark.parametrize("seed", [0, 205])
def test_ties_that_fall_as_they_may_are_one_mistake(by_luck, seed):
    assert "Ties count for the model" in contrastive.check_recall(by_luck, seed=seed).messages[0]


def by_func_grad(similarity, scale):
    labels = torch.arange(len(similarity))
    return torch.func.grad(
        lambda c: (F.cross_entropy(scale * c, labels) + F.cross_entropy(scale * c.T, labels)) / 2
    )(similarity)


@pytest.mark.parametrize(
    "answer", [contrastive.check_loss_gradient.right, by_func_grad], ids=["autograd", "func-grad"]
)
def test_a_gradient_by_autograd_is_right_and_still_not_the_formula(answer):
    assert contrastive.check_loss_gradient(answer).messages == (gradient.BY_AUTOGRAD,)


def test_float64_is_no_remedy_for_a_missing_shift():
    (message,) = contrastive.check_streaming_log_sum_exp(
        lambda blocks: sum(block.double().exp().sum(1) for block in blocks).log()
    ).messages
    assert "in float64 as well" in message


@pytest.mark.parametrize(
    "scores",
    [lambda z: z, lambda z: 100 * z, lambda z: z.softmax(1)],
    ids=["cosines", "logits", "probabilities"],
)
def test_scores_of_any_scale_are_told_from_labels(scores):
    def classifier(images, prompts):
        return scores(F.normalize(images, dim=1) @ F.normalize(F.normalize(prompts, dim=2).mean(1), dim=1).T)

    (message,) = contrastive.check_zero_shot(classifier).messages
    assert "Expected labels" in message


def running(blocks, keep):
    """A right log-sum-exp of one's own, which keeps in `keep` what it is told to."""
    highest, total = torch.tensor(-torch.inf), torch.tensor(0.0)
    for block in blocks:
        new = torch.maximum(highest, block.amax(1))
        total = total * (highest - new).exp() + (block - new[:, None]).exp().sum(1)
        highest = new
        keep(block, new)
    return highest + total.log()


def by_whole_matrix(blocks):
    scores = torch.cat(list(blocks), dim=1)
    highest = scores.amax(1)
    return highest + (scores - highest[:, None]).exp().sum(1).log()


def by_growing_matrix(blocks):
    scores = next(blocks)
    for block in blocks:
        scores = torch.cat([scores, block], dim=1)
    return by_whole_matrix(iter([scores]))


@pytest.mark.parametrize(
    "answer",
    [
        by_whole_matrix,
        by_growing_matrix,
        lambda blocks, kept=[]: running(blocks, lambda *now: kept.append(now[1])),
    ],
    ids=["whole-matrix", "growing-matrix", "one-maximum-for-each-block"],
)
def test_memory_that_grows_with_the_stream_is_noticed(answer):
    (message,) = contrastive.check_streaming_log_sum_exp(answer).messages
    assert "you keep something of every block" in message


def test_a_stream_is_summed_by_hand_with_two_numbers_for_each_row(solutions):
    assert contrastive.check_streaming_log_sum_exp(solutions.streaming_log_sum_exp).passed
    assert contrastive.check_streaming_log_sum_exp(lambda blocks: running(blocks, lambda *now: None)).passed
    (message,) = contrastive.check_streaming_log_sum_exp(
        lambda blocks: running((b.logsumexp(1, keepdim=True) for b in blocks), lambda *now: None)
    ).messages
    assert "logsumexp does the work" in message
    (message,) = contrastive.check_streaming_log_sum_exp(
        lambda blocks: running((b if len(b) > 2 else b.no_such_method() for b in blocks), lambda *now: None)
    ).messages
    assert "no_such_method" in message
