"""VQA accuracy, CLIPScore, yes/no questions and word-order pairs, against values worked out another way."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from vlm_lib.data import scenes
from vlm_lib.data.attributes import COLOURS, SHAPES
from vlm_lib.evaluation.clip_score import clip_score, ref_clip_score
from vlm_lib.evaluation.likelihood import sentence_nats
from vlm_lib.evaluation.vqa import normalize_answer, vqa_accuracy
from vlm_lib.evaluation.word_order import CHANCE, exchange_objects, pair_scores, reworded, shuffled
from vlm_lib.evaluation.yes_no import (
    NEAR,
    NEGATIVES,
    best_threshold,
    object_questions,
    other_names,
    yes_no_scores,
)


@pytest.mark.parametrize("agree", range(11))
def test_vqa_accuracy_of_ten_people(agree):
    """Every set of nine of the ten people, listed."""
    answers = ["red"] * agree + ["blue"] * (10 - agree)
    nines = list(itertools.combinations(answers, 9))
    expected = sum(min(1, nine.count("red") / 3) for nine in nines) / len(nines)
    assert vqa_accuracy("red", answers) == pytest.approx(expected)
    assert vqa_accuracy("red", answers) == pytest.approx(min(1, 0.3 * agree))


@pytest.mark.parametrize(
    ("answer", "normal"),
    [("The Two!", "2"), ("a red, round ball.", "red round ball"), ("none", "0"), ("don't", "don't")],
)
def test_answers_are_normalised(answer, normal):
    assert normalize_answer(answer) == normal
    assert vqa_accuracy(answer, [normal] * 10) == 1


@pytest.mark.parametrize("humans", ["red", [], ["red"]])
def test_vqa_needs_people(humans):
    with pytest.raises(ValueError, match="human_answers"):
        vqa_accuracy("red", humans)


def test_clip_score_of_known_angles():
    images = torch.tensor([[2.0, 0.0], [1.0, 0.0], [3.0, 3.0]])
    captions = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 5.0]])
    assert clip_score(images, captions).tolist() == pytest.approx([2.5, 0, 2.5 / 2**0.5])
    references = [torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])]
    expected = [2 * 2.5 / 3.5, 0, 2 * (2.5 / 2**0.5) / (2.5 / 2**0.5 + 1)]
    assert ref_clip_score(images, captions, references).tolist() == pytest.approx(expected)


def test_clip_score_refuses():
    with pytest.raises(ValueError, match="caption_features"):
        clip_score(torch.ones(2, 3), torch.ones(2, 4))
    with pytest.raises(ValueError, match="image_features"):
        clip_score(torch.full((2, 3), float("nan")), torch.ones(2, 3))
    with pytest.raises(ValueError, match="reference_features"):
        ref_clip_score(torch.ones(2, 3), torch.ones(2, 3), [torch.ones(1, 3)])


def test_a_constant_yes_looks_good_by_f1_and_is_betrayed_by_its_share():
    truth = torch.tensor([True, False] * 5)
    always = yes_no_scores(torch.ones(10, dtype=torch.bool), truth)
    assert (always.accuracy, always.recall, always.yes) == (0.5, 1, 1)
    assert always.f1 == pytest.approx(2 / 3)
    never = yes_no_scores(torch.zeros(10, dtype=torch.bool), truth)
    assert (never.precision, never.f1, never.yes) == (0, 0, 0)
    perfect = yes_no_scores(truth, truth)
    assert perfect == type(perfect)(1, 1, 1, 1, 0.5)


@pytest.mark.parametrize("said", [torch.ones(3), torch.ones(2, dtype=torch.bool), torch.ones(0, dtype=torch.bool)])
def test_yes_no_refuses(said):
    with pytest.raises(ValueError, match="said|truth"):
        yes_no_scores(said, torch.ones(3 if len(said) else 0, dtype=torch.bool))


@pytest.mark.parametrize("kind", NEGATIVES)
def test_negatives_are_what_they_say(kind):
    some = scenes.generate(100, 3, objects=2)
    present, absent = object_questions(some, 0, kind)
    for cells, yes, no in zip(some.attributes, present, absent, strict=True):
        there = {(COLOURS[c], SHAPES[s]) for s, c, _ in cells if s >= 0}
        colour, shape = no.split()
        parts = (colour in {c for c, _ in there}) + (shape in {s for _, s in there})
        assert tuple(yes.split()) in there
        assert (colour, shape) not in there
        assert parts == NEGATIVES.index(kind)
    assert object_questions(some, 0, kind) == (present, absent)
    assert object_questions(some, 1, kind)[1] != absent


def test_questions_refuse():
    with pytest.raises(ValueError, match="negatives"):
        object_questions(scenes.generate(2, 0, objects=2), 0, "popular")
    with pytest.raises(ValueError, match="scene 0"):
        object_questions(scenes.generate(2, 0, objects=1), 0, "random")


def test_pair_scores_of_all_orders_of_four_scores():
    """Each order of four different scores once: the shares are chance by definition."""
    orders = torch.tensor(list(itertools.permutations(range(4)))).float().view(24, 2, 2)
    got = pair_scores(orders)
    assert (got.text, got.image, got.group) == pytest.approx(tuple(CHANCE.values()))


def test_pair_scores_of_known_items():
    right = torch.tensor([[2.0, 0.0], [1.0, 3.0]])  # both captions and both images right
    deaf = torch.tensor([[2.0, 3.0], [2.0, 3.0]])  # the captions are the same to the model: ties
    captions_only = torch.tensor([[5.0, 6.0], [1.0, 7.0]])  # the right caption each time; image 1 wins both
    got = pair_scores(torch.stack([right, deaf, captions_only]))
    assert (got.text, got.image, got.group) == pytest.approx((2 / 3, 1 / 3, 1 / 3))
    with pytest.raises(ValueError, match="scores"):
        pair_scores(torch.zeros(3, 2, 3))


def test_shuffled_orders():
    text = "a red circle left of a blue square ."
    orders = shuffled(text, 0)
    assert len({text, *orders}) == 5
    assert all(sorted(order.split()) == sorted(text.split()) and order.endswith(" .") for order in orders)
    assert orders == shuffled(text, 0) != shuffled(text, 1)
    with pytest.raises(ValueError, match="caption"):
        shuffled("a red .", 0)


def test_clip_score_knows_no_length():
    features = F.normalize(torch.randn(5, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    assert torch.allclose(clip_score(features, features * 7), torch.full((5,), 2.5))


def test_exchanged_scenes_are_what_the_swapped_captions_say():
    some = scenes.generate(20, 4, objects=2)
    other = exchange_objects(some, 4)
    assert scenes.captions(other) == scenes.swapped_captions(some)
    assert torch.equal(exchange_objects(other, 4).images, some.images)
    with pytest.raises(ValueError, match="scene 0"):
        exchange_objects(scenes.generate(2, 0, objects=3), 0)


def test_reworded_captions_say_the_same():
    """A paraphrase that the world itself draws from is either the caption or the reworded one, in a template."""
    some = scenes.generate(60, 5, objects=2)
    seen = 0
    for caption, other in zip(scenes.captions(some), scenes.captions(some, 1), strict=True):
        assert reworded(reworded(caption)) == caption
        assert any(text.removesuffix(" .") in other for text in (caption, reworded(caption)))
        seen += reworded(caption).removesuffix(" .") in other
    assert seen > 10
    with pytest.raises(ValueError, match="caption"):
        reworded("a red circle .")


GROUPS, SUBGROUPS = ["animal"] * 4 + ["food"] * 2, ["cat", "cat", "dog", "dog", "fruit", "bread"]


@pytest.mark.parametrize(("near", "asked"), [(NEAR[0], range(6)), (NEAR[1], range(6)), (NEAR[2], [0, 1, 2, 3])])
def test_wrong_names_are_as_near_as_asked(near, asked):
    rows, others = other_names(GROUPS, SUBGROUPS, range(6), 0, near)
    assert rows == list(asked)
    for row, other in zip(rows, others, strict=True):
        same = (GROUPS[row] == GROUPS[other], SUBGROUPS[row] == SUBGROUPS[other])
        assert same == {NEAR[0]: (False, False), NEAR[1]: (True, False), NEAR[2]: (True, True)}[near]
        assert row != other
    with pytest.raises(ValueError, match="near"):
        other_names(GROUPS, SUBGROUPS, range(6), 0, "far")


def test_threshold_between_scores():
    there, absent = torch.tensor([0.9, 0.6, 0.3]), torch.tensor([0.1, 0.2, 0.5])
    chosen = best_threshold(there, absent)
    shares = [
        ((there > t).float().mean() + (absent <= t).float().mean()).item() for t in torch.linspace(0, 1, 101)
    ]
    assert ((there > chosen).float().mean() + (absent <= chosen).float().mean()).item() == pytest.approx(
        max(shares)
    )
    with pytest.raises(ValueError, match="absent"):
        best_threshold(there, absent[:0])


def test_sentence_nats_add_up_token_by_token():
    from vlm_lib.zoo.lm import LmRecipe, build_lm, world_tokenizer

    model, tokenizer = build_lm(LmRecipe(width=16, layers=1, heads=2)).eval(), world_tokenizer()
    texts = ["a red circle", "a large blue square left of a small star", "red"]
    got = sentence_nats(model, tokenizer, texts, batch=2)
    for text, nats in zip(texts, got, strict=True):
        ids = tokenizer(text, return_tensors="pt").input_ids
        log_p = model(input_ids=ids).logits[0].log_softmax(dim=-1)
        expected = -sum(log_p[t, ids[0, t + 1]].item() for t in range(ids.shape[1] - 1))
        assert nats.item() == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ValueError, match="texts"):
        sentence_nats(model, tokenizer, "red")
