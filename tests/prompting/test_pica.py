"""PICa's steps against other words for the same: the authors' layout and selection, and ensembles by hand."""

import numpy as np
import pytest
import torch

from vlm_lib.prompting import pica

LENGTHS = torch.tensor([1, 3])


def unit(rng, *shape):
    vectors = rng.normal(size=shape)
    return torch.from_numpy(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def test_the_prompt_is_laid_out_as_the_authors_lay_it_out():
    shots = [pica.Shot("lion", "What is it?", "mammal"), pica.Shot("rose", "Where is it?", "garden")]
    expected = """Please answer the question according to the above context.
===
Context: lion
===
Q: What is it?
A: mammal

===
Context: rose
===
Q: Where is it?
A: garden

===
Context: a cat. tiger, dog
===
Q: What is it?
A:"""
    assert pica.prompt(shots, "a cat. tiger, dog", "What is it?") == expected


def test_examples_are_those_of_the_authors_selection_group_by_group():
    rng = np.random.default_rng(0)
    q, v, qs, vs = (unit(rng, *shape) for shape in ((6,), (6,), (40, 6), (40, 6)))
    got = pica.groups(pica.similarity(q, v, qs, vs), shots=4, k=3)
    summed = np.matmul(qs.numpy(), q.numpy()) + np.matmul(vs.numpy(), v.numpy())
    ranks = summed.argsort()[-12:][::-1]
    assert got.tolist() == [ranks[4 * r : 4 * r + 4].tolist() for r in range(3)]


@pytest.mark.parametrize(("by", "nearest"), [("question", 0), ("image", 1), ("both", 2)])
def test_what_counts_as_near(by, nearest):
    """Example 0 has the question, example 1 the picture, example 2 nearly both."""
    q, v = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    questions = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]])
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    assert pica.groups(pica.similarity(q, v, questions, images, by), 1).item() == nearest


def test_equal_scores_keep_the_order_of_the_pool():
    assert pica.groups(torch.tensor([1.0, 2.0, 2.0, 1.0, 2.0]), 2, 2).tolist() == [[1, 2], [4, 0]]


def test_the_three_rules_can_give_three_answers():
    # per token the long answer wins in the second prompt; summed, the short one in the first
    log_probs = torch.tensor([[-0.9, -3.0], [-2.5, -1.5]])
    assert pica.ensemble(log_probs, LENGTHS, "sum") == 0
    assert pica.ensemble(log_probs, LENGTHS, "mean") == 1
    log_probs = torch.tensor([[-0.1, -9.0], [-8.0, -0.3], [-8.0, -0.3]])
    assert pica.ensemble(log_probs, LENGTHS, "sum") == 0
    assert pica.ensemble(log_probs, LENGTHS, "average") == 1


def test_the_order_of_prompts_does_not_matter_and_one_prompt_is_its_own_best():
    rng = torch.Generator().manual_seed(0)
    log_probs, lengths = -torch.rand(5, 7, generator=rng), torch.tensor([1, 2, 3, 1, 2, 1, 4])
    for rule in pica.RULES:
        answer = pica.ensemble(log_probs, lengths, rule)
        assert answer == pica.ensemble(log_probs.flip(0), lengths, rule)
    for rule in ("sum", "average"):
        assert pica.ensemble(log_probs[:1], lengths, rule) == log_probs[0].argmax()


def test_a_vote_counts_fitting_answers_and_the_more_similar_wins_a_tie():
    among = ("sea", "farm", "sky")
    assert pica.vote(["farm", "sea", "sea"], among) == "sea"
    assert pica.vote(["farm", "sea", "mammal"], among) == "farm"
    assert pica.vote(["mammal", "bird"], among) is None


def test_random_examples_are_drawn_without_repetition():
    rows = pica.random_groups(6, 6, np.random.default_rng(0))
    assert rows.shape == (1, 6)
    assert sorted(rows[0].tolist()) == list(range(6))


def test_what_does_not_fit_is_refused():
    vectors = torch.ones(3, 2)
    with pytest.raises(ValueError, match="images"):
        pica.similarity(vectors[0], vectors[0], vectors, vectors[:2])
    with pytest.raises(ValueError, match="by"):
        pica.similarity(vectors[0], vectors[0], vectors, vectors, "caption")
    with pytest.raises(ValueError, match="3 examples"):
        pica.groups(torch.zeros(3), 2, 2)
    with pytest.raises(ValueError, match="finite"):
        pica.groups(torch.tensor([0.0, float("nan")]), 1)
    with pytest.raises(ValueError, match="rule"):
        pica.ensemble(torch.zeros(1, 2), LENGTHS, "max")
    with pytest.raises(ValueError, match="lengths"):
        pica.ensemble(torch.zeros(1, 2), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="log_probs"):
        pica.ensemble(torch.zeros(1, 3), LENGTHS)
    with pytest.raises(ValueError, match="6 examples"):
        pica.random_groups(6, 7, np.random.default_rng(0))
