"""The exercises of chapter 34: right answers are praised, and each typical mistake is told by its own name."""

import pytest
import torch

from vlm_lib.grading.flamingo import chapter


def reset_at_starts(is_image, is_start):
    rows = []
    for tags, starts in zip(is_image.tolist(), is_start.tolist(), strict=True):
        count, row = 0, []
        for tag, start in zip(tags, starts, strict=True):
            count = tag if start else count + tag
            row.append(int(count))
        rows.append(row)
    return torch.tensor(rows)


def next_image(is_image):
    rows = []
    for tags in is_image.tolist():
        numbers = [sum(tags[: i + 1]) if tag else None for i, tag in enumerate(tags)]
        rows.append([next((n for n in numbers[i:] if n), 0) for i in range(len(tags))])
    return torch.tensor(rows)


def prompt(examples, bos, image, eoc):
    ids = [bos]
    for caption in examples:
        ids += [image, *caption, eoc]
    return [*ids, image]


@pytest.mark.parametrize(
    ("check", "answer"),
    [(chapter.packed_phi, reset_at_starts), (chapter.next_phi, next_image), (chapter.few_shot_prompt, prompt)],
)
def test_right_answers_are_praised(check, answer):
    assert check(answer).startswith("right")


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [
        (chapter.packed_phi, lambda tags, starts: tags.cumsum(1), "goes on counting"),
        (chapter.packed_phi, lambda tags, starts: tags.long(), "only the tags"),
        (chapter.packed_phi, lambda tags, starts: tags.cumsum(1) + 7, "expected"),
        (chapter.next_phi, lambda tags: tags.cumsum(1), "the last image"),
        (chapter.next_phi, lambda tags: tags.cumsum(1) + 1, "its own image"),
        (chapter.next_phi, lambda tags: tags.cumsum(1) - tags.long() + 1, "no next|phi is 0"),
        (chapter.few_shot_prompt, lambda e, b, i, c: prompt(e, b, i, c)[:-1], "query's own image"),
        (chapter.few_shot_prompt, lambda e, b, i, c: prompt(e, b, i, c)[1:], "begins with <bos>"),
        (chapter.few_shot_prompt, lambda e, b, i, c: [b, *sum(e, [])], "no image tag"),
        (
            chapter.few_shot_prompt,
            lambda e, b, i, c: [t for t in prompt(e, b, i, c) if t != c],
            "where an example ends",
        ),
    ],
)
def test_mistakes_are_told_apart(check, answer, words):
    said = check(answer)
    assert not said.startswith("right")
    assert any(word in said for word in words.split("|"))
