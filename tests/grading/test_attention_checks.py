"""The checkers of sheet 03_attention: every mistake that they know, right answers of other kinds, and nonsense."""

import pytest
import torch
import torch.nn.functional as F
from helpers.sheet_mistakes import NONSENSE, assert_answers_nonsense, assert_named, known

from vlm_lib.attention import masks
from vlm_lib.grading import attention
from vlm_lib.grading.attention import (
    cost as attention_cost,
)
from vlm_lib.grading.attention import (
    folding as attention_folding,
)
from vlm_lib.grading.attention import (
    heads as attention_heads,
)
from vlm_lib.grading.attention import (
    pairs as attention_pairs,
)
from vlm_lib.grading.attention import (
    pooling as attention_pooling,
)
from vlm_lib.grading.attention import (
    prefix as attention_prefix,
)
from vlm_lib.grading.attention import (
    reach as attention_reach,
)
from vlm_lib.grading.kit.compare import Mistake
from vlm_lib.grading.kit.gradients import diagnose_both_ways
from vlm_lib.grading.kit.operations import largest_tensor, multiply_adds

TABLES = [
    (
        attention.check_multi_head_attention,
        attention_heads.HEADS_MISTAKES + attention_heads.HEADS_GRADIENT_MISTAKES,
    ),
    (attention.check_prefix_lm_mask, attention_prefix.PREFIX_MISTAKES),
    (attention.check_reach, attention_reach.REACH_MISTAKES),
    (
        attention.check_folded_pool,
        attention_folding.FOLDING_MISTAKES + attention_folding.FOLDING_GRADIENT_MISTAKES,
    ),
    (
        attention.check_attention_pool,
        attention_pooling.POOLING_MISTAKES + attention_pooling.POOLING_GRADIENT_MISTAKES,
    ),
    (attention.check_attention_cost, attention_pairs.PAIR_MISTAKES + attention_cost.COST_MISTAKES),
]
CHECKERS = [check for check, _ in TABLES]
# Two ways to one wrong result may share a message: heads split by a reshape, a softmax over heads, mixed heads,
# and counts that overflow.
SHARED = {attention_heads.RESHAPED, attention_heads.OVER_HEADS, attention_folding.MIXED, attention_reach.OVERFLOW}


@pytest.mark.parametrize("seed", [0, 1, 303])
@pytest.mark.parametrize(("check", "mistake"), known(TABLES))
def test_each_known_mistake_gets_its_own_diagnosis_and_no_other(check, mistake, seed):
    assert_named(check, mistake, seed)


def test_the_messages_of_one_checker_tell_its_mistakes_apart():
    for check, table in TABLES:
        assert len({mistake.name for mistake in table}) == len(table), check.__name__
        messages = [mistake.message for mistake in table]
        assert {text for text in messages if messages.count(text) > 1} <= SHARED, check.__name__


@pytest.mark.parametrize("check", CHECKERS)
@NONSENSE
def test_nonsense_gets_a_message_and_never_an_error_of_the_checker(check, answer):
    assert_answers_nonsense(check, answer)


def by_loop_over_heads(q, k, v, mask, heads):
    parts = zip(*(x.chunk(heads, dim=-1) for x in (q, k, v)), strict=True)
    return torch.cat([F.scaled_dot_product_attention(*part, attn_mask=mask) for part in parts], dim=-1)


def by_rank(prefix_len, seq):
    """Every position of a prefix counts as if it stood at the end of the prefix."""
    rank = torch.arange(seq).expand(len(prefix_len), -1)
    rank = torch.where(rank < prefix_len[:, None], prefix_len[:, None] - 1, rank)
    return rank[:, :, None] >= rank[:, None, :]


def by_walking(mask, layers):
    """Follow the steps one by one, on sets."""
    steps = [set(row.nonzero().flatten().tolist()) | {at} for at, row in enumerate(mask)]
    reached = [{at} for at in range(len(mask))]
    for _ in range(layers):
        reached = [set().union(*(reached[middle] for middle in step)) for step in steps]
    return torch.tensor([[at in row for at in range(len(mask))] for row in reached])


def head_by_head(x, query, key_weight, key_bias, value_weight, value_bias, heads, project=False):
    """Attention of folded queries over raw tokens; with `project`, over the keys of one head at a time."""
    parts = zip(*(t.chunk(heads, dim) for t, dim in ((query, 1), (key_weight, 0), (value_weight, 0))), strict=True)
    out = []
    for q, w_k, w_v in parts:
        q, keys = (q, x @ w_k.T) if project else (q @ w_k, x)
        weights = (q @ keys.transpose(1, 2) / (w_k.shape[0] ** 0.5)).softmax(-1)
        out.append(weights @ x @ w_v.T)
    return torch.cat(out, dim=-1) + value_bias


def by_exponentials(x, query, valid):
    weights = (x @ query / x.shape[-1] ** 0.5).exp() * valid
    return torch.einsum("bt,btd->bd", weights, x) / weights.sum(1, keepdim=True).clamp(min=1e-20)


def row_by_row(mask, phi, prefix_len, tokens_per_image, dim, heads):
    seen = {
        "causal": lambda at: at + 1,
        "prefix_lm": lambda at: max(at + 1, prefix_len),
        "last_image": lambda at: tokens_per_image * min(phi[at], 1),
        "all_previous_images": lambda at: tokens_per_image * phi[at],
    }[mask]
    pairs = sum(map(seen, range(len(phi))))
    return pairs, pairs * (dim // heads) * heads * 2


RIGHT = [by_loop_over_heads, by_rank, by_walking, head_by_head, by_exponentials, row_by_row]


@pytest.mark.parametrize("seed", [0, *range(301, 307)])
@pytest.mark.parametrize(("check", "answer"), list(zip(CHECKERS, RIGHT, strict=True)))
def test_another_way_to_the_right_result_passes(check, answer, seed):
    report = check(answer, seed=seed)
    assert report.passed, report


def test_right_pair_counts_are_those_of_the_masks():
    for phi, prefix_len, tokens, dim, heads in attention_cost.cost_sizes(seed=306):
        counted = torch.tensor([phi])
        made = {
            "causal": masks.causal_mask(len(phi)),
            "prefix_lm": masks.prefix_lm_mask(torch.tensor([prefix_len]), len(phi)),
            "last_image": masks.last_image_mask(counted, max(phi), tokens),
            "all_previous_images": masks.all_previous_images_mask(counted, max(phi), tokens),
        }
        for name, mask in made.items():
            pairs, _ = attention_pairs.right_cost(name, phi, prefix_len, tokens, dim, heads)
            assert pairs == int(mask.sum())


def by_elementwise_products(x, query, key_weight, key_bias, value_weight, value_bias, heads):
    """The plain order, with keys made without any matrix product."""
    keys = (x[:, :, None] * key_weight).sum(-1).unflatten(-1, (heads, -1))
    q = query.unflatten(-1, (heads, -1))
    weights = torch.einsum("qhe,bthe->bhqt", q, keys / q.shape[-1] ** 0.5).softmax(-1)
    sums = torch.einsum("bhqt,btc->bhqc", weights, x)
    return torch.einsum("bhqc,hec->bqhe", sums, value_weight.unflatten(0, (heads, -1))).flatten(2) + value_bias


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (attention_folding._projecting(True, True), attention_folding.BOTH),
        (attention_folding._projecting(True, False), attention_folding.ONE),
        (attention_folding._projecting(False, True), attention_folding.ONE),
        (lambda *case: head_by_head(*case, project=True), attention_folding.ONE),
        (by_elementwise_products, attention_folding.ONE),
    ],
    ids=["keys and values", "keys", "values", "keys head by head", "keys without a matrix product"],
)
def test_a_right_result_that_projects_every_token_is_noticed(answer, message):
    assert attention.check_folded_pool(answer).messages == (message,)


def test_a_folded_answer_for_small_inputs_only_is_told_so():
    def small(x, *rest):
        if x.shape[1] > 8:
            raise RuntimeError("too many for me")
        return head_by_head(x, *rest)

    assert "too many for me" in attention.check_folded_pool(small).messages[0]


def test_multiply_adds_and_the_largest_tensor_are_counted():
    a, b = torch.ones(3, 4), torch.ones(4, 5)
    assert multiply_adds(lambda: a @ b) == 3 * 4 * 5
    assert multiply_adds(lambda: (a[:, :, None] * b).sum(1)) == 3 * 4 * 5
    assert multiply_adds(lambda: F.conv1d(torch.ones(1, 4, 6), torch.ones(5, 4, 1))) == 4 * 5 * 6
    assert largest_tensor(lambda: (a[:, :, None] * b).sum(1)) == 3 * 4 * 5
    assert largest_tensor(lambda: sum(range(9))) == 0


def test_counting_by_a_mask_or_in_floats_is_noticed():
    def by_mask(mask, phi, prefix_len, tokens, dim, heads):
        pairs, operations = attention_pairs.right_cost(mask, phi, prefix_len, tokens, dim, heads)
        if mask == "causal":
            pairs = int(torch.ones(len(phi), len(phi)).tril().sum())
        return pairs, operations

    def in_floats(*case):
        return tuple(count / 1 for count in attention_pairs.right_cost(*case))

    def too_short(mask, phi, *rest):
        if len(phi) > 100:
            raise MemoryError("no room")
        return attention_pairs.right_cost(mask, phi, *rest)

    assert attention.check_attention_cost(by_mask).messages == (attention_cost.BUILDS_MASK,)
    assert attention.check_attention_cost(in_floats).messages == (attention_cost.FLOATS,)
    assert "no room" in attention.check_attention_cost(too_short).messages[0]


def test_two_masks_miscounted_in_two_ways_are_both_diagnosed():
    tables = {entry.name: entry for entry in attention_pairs.PAIR_MISTAKES}

    def both(mask, *sizes):
        name = "causal_strict" if mask == "causal" else "last_every_row"
        return tables[name].wrong(mask, *sizes)

    expected = tables["causal_strict"].message, tables["last_every_row"].message
    assert attention.check_attention_cost(both).messages == expected


def test_a_prefix_mask_by_a_loop_over_positions_is_noticed():
    def loop(prefix_len, seq):
        mask = torch.zeros(len(prefix_len), seq, seq, dtype=torch.bool)
        for at in range(seq):
            mask[:, at] = torch.arange(seq) < prefix_len.clamp(min=at + 1)[:, None]
        return mask

    assert "loop over positions" in attention.check_prefix_lm_mask(loop).messages[0]


def test_a_gradient_that_no_table_knows_is_told_apart_from_the_values():
    def backward_through_a_copy(x):
        return x.square() - x + x.detach()

    table = [Mistake("detached", lambda x: x.square().detach(), "cut off")]
    answers = [backward_through_a_copy, lambda x: x.square().detach(), lambda x: x * x]
    cases = [(torch.tensor([1.0, 2.0]),)]
    found = [
        diagnose_both_ways(
            "square", answer, torch.square, (), table, cases, leaves=[0], names=["x"], praise="fine"
        ).messages
        for answer in answers
    ]
    assert found[0][0].startswith("The result is right, its gradient is not. Wrong with x = ")
    assert found[1:] == [("cut off",), ("fine",)]


def test_answers_learned_by_heart_from_the_visible_inputs_fail_on_the_hidden_ones():
    known = {str(case): masks.prefix_lm_mask(*case) for case in attention_prefix.prefix_cases(seed=0)}

    def by_heart(prefix_len, seq):
        return known.get(str((prefix_len, seq)), torch.ones(len(prefix_len), seq, seq) > 0)

    assert attention.check_prefix_lm_mask(by_heart).passed
    assert not attention.check_prefix_lm_mask(by_heart, seed=302).passed


@pytest.mark.parametrize("dtype", [torch.long, torch.float])
def test_reach_by_a_power_in_too_small_a_dtype_is_told_so(dtype):
    def power(mask, layers):
        step = mask | torch.eye(len(mask), dtype=torch.bool)
        return torch.linalg.matrix_power(step.to(dtype), layers) > 0

    assert attention.check_reach(power).messages == (attention_reach.OVERFLOW,)
