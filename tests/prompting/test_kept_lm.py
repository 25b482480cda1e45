"""What the language model said is kept: asked again it is not run, and another question is another file."""

import pytest
import torch

from vlm_lib.prompting import completions
from vlm_lib.prompting.kept import KeptLm


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """A cache of its own, and a count of how often the model was really asked."""
    monkeypatch.setenv("VLM_LIB_CACHE", str(tmp_path))
    asked = []

    def log_probs(model, tokenizer, prompts, answers):
        asked.append(list(prompts))
        return torch.arange(len(prompts) * len(answers)).view(len(prompts), -1).float()

    monkeypatch.setattr(completions, "log_probs", log_probs)
    lm = KeptLm()
    lm.__dict__["lm"] = type("Lm", (), {"model": None, "tokenizer": None})
    return lm, asked


def test_an_answer_is_asked_for_once_even_by_another_object(counted):
    lm, asked = counted
    first = lm.log_probs(["the red"], ["ring", "star"])
    again = KeptLm().log_probs(["the red"], ["ring", "star"])
    assert torch.equal(first, again)
    assert asked == [["the red"]]


def test_other_prompts_or_answers_are_asked_for(counted):
    lm, asked = counted
    lm.log_probs(["the red"], ["ring", "star"])
    lm.log_probs(["the blue"], ["ring", "star"])
    lm.log_probs(["the red"], ["star", "ring"])
    assert len(asked) == 3


def test_the_choice_is_the_likeliest_answer(counted):
    lm, _ = counted
    assert lm.choose(["one", "two"], ["ring", "star"]) == ["star", "star"]
