"""The checkers of sheet 03_attention: right answers of other kinds, and right values got in a forbidden way."""

import pytest
import torch
import torch.nn.functional as F

from vlm_lib.attention import masks
from vlm_lib.grading import attention
from vlm_lib.grading.attention import cost, folding


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


@pytest.mark.parametrize("seed", [0, *range(301, 307)])
@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (attention.check_multi_head_attention, by_loop_over_heads),
        (attention.check_prefix_lm_mask, by_rank),
        (attention.check_receptive_field, by_walking),
        (attention.check_folded_pool, head_by_head),
        (attention.check_attention_pool, by_exponentials),
        (attention.check_attention_cost, row_by_row),
    ],
)
def test_another_way_to_the_right_result_passes(check, answer, seed):
    report = check(answer, seed=seed)
    assert report.passed, report


def test_right_pair_counts_are_those_of_the_masks():
    for mask, phi, prefix_len, tokens, dim, heads in cost.cost_cases(seed=306):
        counted = torch.tensor([phi])
        made = {
            "causal": masks.causal_mask(len(phi)),
            "prefix_lm": masks.prefix_lm_mask(torch.tensor([prefix_len]), len(phi)),
            "last_image": masks.last_image_mask(counted, max(phi), tokens),
            "all_previous_images": masks.all_previous_images_mask(counted, max(phi), tokens),
        }[mask]
        pairs, _ = attention.check_attention_cost.right(mask, phi, prefix_len, tokens, dim, heads)
        assert pairs == int(made.sum())


def projecting(keys, values):
    """The right result with keys, values or both formed for every token."""

    def run(x, query, w_k, b_k, w_v, b_v, heads):
        q, w_k, w_v = query.unflatten(-1, (heads, -1)), *(w.unflatten(0, (heads, -1)) for w in (w_k, w_v))
        q = q / q.shape[-1] ** 0.5
        if keys:
            k = (x @ w_k.flatten(0, 1).T + b_k).unflatten(-1, (heads, -1))
            weights = torch.einsum("qhe,bthe->bhqt", q, k).softmax(-1)
        else:
            weights = torch.einsum("qhc,btc->bhqt", torch.einsum("qhe,hec->qhc", q, w_k), x).softmax(-1)
        if values:
            v = (x @ w_v.flatten(0, 1).T + b_v).unflatten(-1, (heads, -1))
            return torch.einsum("bhqt,bthe->bqhe", weights, v).flatten(2)
        sums = torch.einsum("bhqt,btc->bhqc", weights, x)
        return torch.einsum("bhqc,hec->bqhe", sums, w_v).flatten(2) + b_v

    return run


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
        (projecting(True, True), folding.BOTH),
        (projecting(True, False), folding.ONE),
        (projecting(False, True), folding.ONE),
        (lambda *case: head_by_head(*case, project=True), folding.ONE),
        (by_elementwise_products, folding.ONE),
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


def test_counting_by_a_mask_or_in_floats_is_noticed():
    right = attention.check_attention_cost.right

    def by_mask(mask, phi, prefix_len, tokens, dim, heads):
        pairs, operations = right(mask, phi, prefix_len, tokens, dim, heads)
        if mask == "causal":
            pairs = int(torch.ones(len(phi), len(phi)).tril().sum())
        return pairs, operations

    def in_floats(*case):
        return tuple(count / 1 for count in right(*case))

    def too_short(mask, phi, *rest):
        if len(phi) > 100:
            raise MemoryError("no room")
        return right(mask, phi, *rest)

    assert attention.check_attention_cost(by_mask).messages == (cost.BUILDS_MASK,)
    (message,) = attention.check_attention_cost(in_floats).messages
    assert "floating-point numbers; expected integers (/ makes floats of integers" in message
    assert "no room" in attention.check_attention_cost(too_short).messages[0]


def test_two_masks_miscounted_in_two_ways_are_both_diagnosed():
    known = attention.check_attention_cost.known

    def both(mask, *sizes):
        return known["causal_strict" if mask == "causal" else "last_every_row"].wrong(mask, *sizes)

    expected = known["causal_strict"].message, known["last_every_row"].message
    assert attention.check_attention_cost(both).messages == expected


def test_a_prefix_mask_by_a_loop_over_positions_is_noticed():
    def loop(prefix_len, seq):
        mask = torch.zeros(len(prefix_len), seq, seq, dtype=torch.bool)
        for at in range(seq):
            mask[:, at] = torch.arange(seq) < prefix_len.clamp(min=at + 1)[:, None]
        return mask

    assert "loop over positions" in attention.check_prefix_lm_mask(loop).messages[0]


@pytest.mark.parametrize("dtype", [torch.long, torch.float])
def test_a_receptive_field_by_a_power_in_too_small_a_dtype_is_told_so(dtype):
    def power(mask, layers):
        step = mask | torch.eye(len(mask), dtype=torch.bool)
        return torch.linalg.matrix_power(step.to(dtype), layers) > 0

    check = attention.check_receptive_field
    assert check(power).messages == (check.known["overflow"].message,)
