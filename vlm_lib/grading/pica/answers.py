"""Checkers for what comes back: an answer's log-probability, which answer is kept, and a vote without a model.

Chapter: 42_pica.
"""

from collections import Counter

import numpy as np
import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _token_chances(logits: Tensor, ids: Tensor, start: int) -> Tensor:
    """log p of each token from place `start` on, by what stands before it."""
    chances = logits[start - 1 : -1].log_softmax(dim=-1)
    return chances.gather(1, ids[start:, None])[:, 0]


LOG_PROB_MISTAKES = {
    "shifted": Mistake(
        lambda logits, ids, start: logits[start:].log_softmax(-1).gather(1, ids[start:, None]).sum(),
        "You ask each position for the token that it has just read. Position i predicts token i + 1.",
    ),
    "mean": Mistake(
        lambda logits, ids, start: _token_chances(logits, ids, start).mean(),
        "That is the mean per token. Asked for is the log-probability of the whole answer.",
    ),
    "whole_text": Mistake(
        lambda logits, ids, start: _token_chances(logits, ids, 1).sum(),
        "You count the prompt's own tokens as well. The answer begins at `start`.",
    ),
    "first_token": Mistake(
        lambda logits, ids, start: _token_chances(logits, ids, start)[0],
        "You score the first token alone. An answer is all of its tokens.",
    ),
    "raw_logits": Mistake(
        lambda logits, ids, start: logits[start - 1 : -1].gather(1, ids[start:, None]).sum(),
        "Those are logits. Only after a log_softmax over the vocabulary are they log-probabilities.",
    ),
    "probability": Mistake(
        lambda logits, ids, start: _token_chances(logits, ids, start).exp().prod(),
        "That is the probability; asked for is its logarithm.",
    ),
    "sum_of_probabilities": Mistake(
        lambda logits, ids, start: _token_chances(logits, ids, start).exp().sum(),
        "Probabilities of consecutive tokens multiply. Their logarithms add up.",
    ),
}


def log_prob_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    return [
        (2 * torch.randn(length, 7, generator=rng), torch.randint(7, (length,), generator=rng), start)
        for length, start in ((8, 5), (6, 2), (9, 6))
    ]


check_answer_log_prob = Task(
    name="log-probability of an answer",
    asks='answer(logits: Float["seq vocab"], ids: Int["seq"], start: int) -> Float[""]',
    right=lambda logits, ids, start: _token_chances(logits, ids, start).sum(),
    mistakes=LOG_PROB_MISTAKES,
    cases=log_prob_cases,
    praise="each token by what stands before it, and the sum over the answer.",
)


def _keep(log_probs: Tensor, lengths: Tensor) -> tuple[int, int]:
    """The answer kept by the greatest sum, and by the greatest mean."""
    return int(log_probs.amax(dim=0).argmax()), int((log_probs / lengths).amax(dim=0).argmax())


KEEP_MISTAKES = {
    "exchanged": Mistake(
        lambda *case: _keep(*case)[::-1], "The two are exchanged: first the sum's, then the mean's."
    ),
    "prompt_number": Mistake(
        lambda log_probs, lengths: (
            int(log_probs.amax(dim=1).argmax()),
            int((log_probs / lengths).amax(dim=1).argmax()),
        ),
        "You return the number of the prompt. Asked for is the answer's.",
    ),
    "average": Mistake(
        lambda log_probs, lengths: (
            int(log_probs.mean(dim=0).argmax()),
            int((log_probs / lengths).mean(dim=0).argmax()),
        ),
        "You average over the prompts. PICa keeps the one answer that any prompt finds most probable.",
    ),
    "first_prompt": Mistake(
        lambda log_probs, lengths: _keep(log_probs[:1], lengths), "You look at the first prompt alone."
    ),
    "least": Mistake(
        lambda log_probs, lengths: (
            int(log_probs.amin(dim=0).argmin()),
            int((log_probs / lengths).amin(dim=0).argmin()),
        ),
        "Those are the least likely. Log-probabilities are negative: the greatest is nearest to 0.",
    ),
    "times_length": Mistake(
        lambda log_probs, lengths: (_keep(log_probs, lengths)[0], int((log_probs * lengths).amax(dim=0).argmax())),
        "A mean is the sum divided by the length, not multiplied with it.",
    ),
}


def keep_cases(seed: int = 0) -> list[Case]:
    """Drawn until every mistake shows: an order of prompts, answers that differ in length, another winner each."""
    rng = torch.Generator().manual_seed(seed)
    cases: list[Case] = []
    while len(cases) < 3:
        log_probs = -4 * torch.rand(3, 6, generator=rng) - 0.2
        lengths = torch.randint(1, 4, (6,), generator=rng)
        found = [_keep(log_probs, lengths), *(known.wrong(log_probs, lengths) for known in KEEP_MISTAKES.values())]
        if len(set(found)) == len(found):
            cases.append((log_probs, lengths))
    return cases


check_keep = Task(
    name="the answer that is kept",
    asks='answer(log_probs: Float["k answers"], lengths: Int["answers"]) -> (by sum, by mean): numbers of answers',
    right=_keep,
    placeholder=lambda log_probs, lengths: (-1, -1),
    mistakes=KEEP_MISTAKES,
    cases=keep_cases,
    praise="the greatest of all prompts, once summed and once per token.",
)


def _vote(answers: list[str], among: list[str]) -> str:
    counts = Counter(answer for answer in answers if answer in among)
    return max(counts, key=counts.get)  # dicts keep the order of first appearance, which decides ties


VOTE_MISTAKES = {
    "all_count": Mistake(
        lambda answers, among: max(Counter(answers), key=Counter(answers).get),
        "You count answers that do not fit the question as well.",
    ),
    "tie_to_the_last": Mistake(
        lambda answers, among: _vote(answers[::-1], among),
        "With a tie the answer of the more similar example wins, and that stands earlier.",
    ),
    "first": Mistake(
        lambda answers, among: next(answer for answer in answers if answer in among),
        "You take the most similar example's answer. Count all of them.",
    ),
    "of_the_list": Mistake(
        lambda answers, among: max(among, key=answers.count),
        "With a tie you go by the order of the list of answers. The earlier example decides.",
    ),
    "rarest": Mistake(
        lambda answers, among: min(
            (a for a in dict.fromkeys(answers) if a in among), key=lambda a: answers.count(a)
        ),
        "That is the rarest answer.",
    ),
}


def vote_cases(seed: int = 0) -> list[Case]:
    """A clear winner behind another, a tie, and an unfitting answer that is the commonest of all."""
    rng = np.random.default_rng(seed)
    a, b, c, d, other = (str(word) for word in rng.permutation(["sea", "farm", "sky", "bank", "street"]))
    among = [d, c, b, a]
    return [
        ([a, a, b, b, b, c], among),
        ([b, a, a, b, c, c], [a, c, b, d]),
        ([other, a, other, b, other, b], among),
    ]


check_vote = Task(
    name="a vote without a model",
    asks="answer(answers: list of str, the most similar example's first, among: list of str) -> str",
    right=_vote,
    placeholder=lambda answers, among: "",
    mistakes=VOTE_MISTAKES,
    cases=vote_cases,
    praise="this is what a language model has to beat.",
)
