'''The kit of which checkers are made: a task of a problem sheet is a `Task`, and a `Task` is its own checker.

A checker runs the reader's answer on small inputs (drawn from `seed`; a sheet's hidden tests use another seed
than a reader does). Where the values differ from the right ones, it compares them with those of known mistakes:
each entry of the table is a wrong implementation and what to say to whoever wrote it. So a new task is four
things: its right answer, its table of mistakes, its cases, and the `Task` that names them. A whole one, for the
captioning loss:

    import torch
    import torch.nn.functional as F
    from torch import Tensor

    from vlm_lib.grading.kit import Case, Mistake, Task

    def _each(logits: Tensor, tokens: Tensor) -> Tensor:
        """-log p of the token after each position."""
        return F.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")

    def _right(logits: Tensor, tokens: Tensor, is_text: Tensor) -> Tensor:
        return _each(logits, tokens)[is_text[:, 1:]].mean()

    def _mean_of_means(*batch: Tensor) -> Tensor:
        examples = zip(*(x.split(1) for x in batch), strict=True)
        return torch.stack([_right(*example) for example in examples]).mean()

    MISTAKES = {
        "not_shifted": Mistake(
            lambda logits, tokens, is_text: F.cross_entropy(logits[is_text], tokens[is_text]),
            "Each position is asked for its own token, which it sees. It predicts the one after it.",
        ),
        "all_positions": Mistake(
            lambda logits, tokens, is_text: _each(logits, tokens).mean(),
            "Image tokens and padding count as well. Only predictions of text do.",
        ),
        "padded_length": Mistake(
            lambda logits, tokens, is_text: (_each(logits, tokens) * is_text[:, 1:]).mean(),
            "You divide by the padded length. Divide by the number of text tokens that are predicted.",
        ),
        "mask_not_shifted": Mistake(
            lambda logits, tokens, is_text: _each(logits, tokens)[is_text[:, :-1]].mean(),
            "You keep the positions that hold text. Keep those whose next token is text.",
        ),
        "mean_of_means": Mistake(_mean_of_means, "You average each example first: short captions weigh more."),
        "summed": Mistake(lambda *case: _each(*case[:2])[case[2][:, 1:]].sum(), "You sum; the loss is the mean."),
    }

    def _cases(seed: int = 0) -> list[Case]:
        rng = torch.Generator().manual_seed(seed)
        logits, tokens = torch.randn(2, 7, 5, generator=rng), torch.randint(5, (2, 7), generator=rng)
        is_text = torch.tensor([[0, 0, 1, 1, 1, 1, 0], [0, 0, 1, 1, 0, 0, 0]]).bool()
        return [(logits, tokens, is_text), (3 * logits[:1], tokens[:1], is_text[:1])]

    check_caption_loss = Task(
        name="captioning loss",
        asks='answer(logits: Float["batch seq vocab"], tokens: Int["batch seq"], is_text) -> Float[""]',
        right=_right,
        mistakes=MISTAKES,
        gradients=("logits",),
        cases=_cases,
        praise="each text token is predicted from what stands before it, and counts once.",
    )

Then `check_caption_loss(my_loss)` shows what is right or wrong, and `check_caption_loss(my_loss).require()` is a
test cell of a sheet. Put the file into the folder of its chapter and the name into that folder's `__all__`: the
tests of all sheets take it from there, and try every mistake, nonsense, and the sheet's own solution and
skeleton.

What every task has for nothing: the untouched skeleton is named; so is an answer that cuts off the graph of
one of its `gradients`, that returns a Python number where a gradient is due, a list for a tensor, floats for
integers, another shape, None or NaN, that changes its input, or raises. Gradients, dtype, seed and warnings that
a notebook has set do not reach the checker. What a task can ask for: `no_loop` and `own_work` as `demands`,
other counts by `kit.watch`; a `use`, where an answer is not simply called (a class, a training step, a stream);
a further `Look`.
'''

from vlm_lib.grading.kit.compare import Case, Mistake
from vlm_lib.grading.kit.demands import no_loop, own_work
from vlm_lib.grading.kit.report import NotYet, Report
from vlm_lib.grading.kit.task import Look, Task, call

__all__ = ["Case", "Look", "Mistake", "NotYet", "Report", "Task", "call", "no_loop", "own_work"]
