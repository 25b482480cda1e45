"""The arms differ in what they claim to differ in, and no example gives its own question away."""

import pytest
import torch

from vlm_lib.data.emoji_questions import answers
from vlm_lib.prompting import pica_runs


@pytest.fixture(scope="module")
def drawn():
    return pica_runs.draw(77, questions=6)


@pytest.fixture(scope="module")
def arms(drawn):
    return [pica_runs.arms(drawn, i) for i in range(6)]


def last_context(prompt):
    return prompt.rsplit("Context: ", 1)[1].split("\n")[0]


def test_examples_and_questions_are_about_different_drawings(drawn):
    training = set(drawn.eyes.emoji.train.tolist())
    assert {example.drawing for example in drawn.pool} <= training
    assert training.isdisjoint(question.drawing for question in drawn.questions)


def test_prompts_hold_as_many_examples_as_their_arm_says(arms):
    counts = {arm: {prompt.count("\nA: ") for prompt in prompts} for arm, prompts in arms[0].items()}
    none = ("no examples", "no examples | other", "true name")
    expected = dict.fromkeys(counts, {4}) | dict.fromkeys(none, {0}) | {"1 by both": {1}, "16 by both": {16}}
    assert counts == expected
    assert len(arms[0]["ensemble"]) == pica_runs.GROUPS


def test_the_other_pictures_arm_differs_in_the_last_context_alone(arms):
    for i, each in enumerate(arms):
        for choice in pica_runs.CHOICES:
            (own,), (other,) = each[choice], each[f"{choice} | other"]
            assert own.replace(last_context(own), "") == other.replace(last_context(other), "")
            assert last_context(other) == last_context(arms[(i + 1) % 6][choice][0])


def test_the_ensemble_begins_with_the_nearest_examples_and_never_repeats_one(drawn, arms):
    for i, each in enumerate(arms):
        assert each["ensemble"][0] == each["by both"][0]
        rows = drawn.chosen(i, "by both", k=pica_runs.GROUPS).flatten().tolist()
        assert len(set(rows)) == pica_runs.SHOTS * pica_runs.GROUPS
        assert rows[: pica_runs.LONGEST] == drawn.chosen(i, "by both", pica_runs.LONGEST)[0].tolist()


def test_the_right_answer_is_withheld(drawn):
    for i, question in enumerate(drawn.questions):
        rows = drawn.withheld(i)[0].tolist()
        assert question.answer not in {drawn.pool[row].answer for row in rows}


def test_the_notes_rule_does_not_see_the_picture(drawn):
    same = drawn.questions[0].text
    scores = [drawn.scores(i, "the notes' rule") for i, q in enumerate(drawn.questions) if q.text == same]
    assert all(torch.equal(scores[0], other) for other in scores)


def test_tags_are_training_names_and_contexts_are_made_of_them(drawn):
    eyes, row = drawn.eyes, drawn.questions[0].drawing
    known = {eyes.emoji.names[i] for i in eyes.emoji.train}
    assert set(eyes.tags(row, 5)) <= known
    assert eyes.context(row) == f"{eyes.captions[row]}. {', '.join(eyes.tags(row))}"
    assert eyes.context(row, "true name") == eyes.emoji.names[row]
    with pytest.raises(ValueError, match="kind"):
        eyes.context(row, "smell")


def test_what_was_said_is_asked_once_and_kept(drawn, tmp_path, monkeypatch):
    monkeypatch.setenv("VLM_LIB_CACHE", str(tmp_path))
    asked = []

    class Counting:
        def __call__(self, prompt, listed):
            asked.append(prompt)
            return torch.arange(len(listed)) - float(len(prompt))

    prompts = {"ccc": "kind", "a": "where", "bb": "use"}
    first = pica_runs.log_probs(prompts, Counting)
    assert asked == ["a", "bb", "ccc"]
    assert {prompt: len(values) for prompt, values in first.items()} == {
        prompt: len(answers(family)) for prompt, family in prompts.items()
    }
    assert first["bb"][0] == -2
    again = pica_runs.log_probs(prompts, Counting)
    assert len(asked) == 3
    assert all(torch.equal(first[prompt], again[prompt]) for prompt in prompts)


def test_a_run_counts_answers_votes_and_the_commonest(drawn):
    best = [answers(q.family).index(q.answer) for q in drawn.questions]
    found = [
        {"arm": torch.nn.functional.one_hot(torch.tensor([b, 0]), len(answers(q.family))).float() - 2}
        for b, q in zip(best, drawn.questions, strict=True)
    ]
    run = pica_runs.Run(drawn, found)
    assert run.right(run.said("arm")) == 1
    assert run.right([None] * 6) == 0
    voted = run.voted("by both")
    for i, answer in enumerate(voted):
        given = [drawn.pool[r].answer for r in drawn.chosen(i, "by both")[0].tolist()]
        assert answer is None or answer in given
    for question, answer in zip(drawn.questions, run.commonest(), strict=True):
        given = [example.answer for example in drawn.pool if example.family == question.family]
        assert given.count(answer) == max(map(given.count, set(given)))
