"""The kit on small tasks of its own: what it says, what it compares, what it counts, what it leaves as it was."""

import random
import sys
import textwrap
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.tasks import as_module

from vlm_lib.grading import kit
from vlm_lib.grading.kit import Look, Mistake, NotYet, Task, no_loop, own_work
from vlm_lib.grading.kit.state import own_state
from vlm_lib.grading.kit.values import as_value, difference, same, show
from vlm_lib.grading.kit.watch import AnswerRaised, CountAlive, count_calls, largest_tensor, multiply_adds, watch


def task(right, *inputs, **options):
    """A task whose cases are `inputs`, one argument each."""
    options = {"mistakes": {}, "praise": "fine", "asks": "answer(x)", **options}
    return Task(name="toy", right=right, cases=lambda seed: [(x,) for x in inputs], **options)


def double(x):
    return 2 * x


VECTOR = torch.tensor([1.0, 2.0])
check_double = task(
    double, VECTOR, mistakes={"squared": Mistake(torch.square, "You square."), "same": Mistake(lambda x: x, "No.")}
)


def the_example():
    """The code in the kit's documentation."""
    lines = kit.__doc__.splitlines()
    start = lines.index("    import torch")
    end = next(at for at in range(start, len(lines)) if lines[at] and not lines[at].startswith("    "))
    return textwrap.dedent("\n".join(lines[start:end])).rstrip()


def test_the_documentation_shows_a_whole_task_in_60_lines(tmp_path):
    assert len(the_example().splitlines()) <= 60
    check = as_module(the_example(), tmp_path / "example.py").check_caption_loss
    assert check(check.right).passed
    for seed in range(5):
        for name, mistake in check.known.items():
            assert check(mistake.wrong, seed=seed).messages == (mistake.message,), name

    def by_walking(logits, tokens, is_text):
        losses = [
            logits[row, at - 1].logsumexp(0) - logits[row, at - 1, tokens[row, at]]
            for row, at in is_text.nonzero().tolist()
        ]
        return torch.stack(losses).mean()

    assert check(by_walking).passed


def test_a_known_mistake_is_named_and_another_is_described_without_the_right_value():
    assert check_double(lambda x: x * x).messages == ("You square.",)
    (message,) = check_double(lambda x: 7 * x).messages
    assert message == "Wrong with x = [1.0, 2.0]: the first wrong value, at [0], is 7.0 (2 of 2 are wrong)."


def test_a_mistake_that_comes_out_in_two_ways_is_named_for_both():
    table = {"wrong": Mistake(lambda x: x + 1, "Wrong.", also=(lambda x: x - 1,))}
    check = task(double, torch.tensor([5, 6]), mistakes=table)
    assert [check(way).messages for way in table["wrong"].ways] == [("Wrong.",)] * 2


def test_an_answer_that_is_wrong_in_one_group_of_cases_gets_that_groups_diagnosis():
    def use(answer, name, x):
        return answer(name, x)

    check = Task(
        name="two",
        asks="answer(name, x)",
        right=lambda name, x: x,
        use=use,
        apart="name",
        mistakes={
            "a_negated": Mistake(lambda name, x: -x if name == "a" else x, "a: the sign."),
            "b_doubled": Mistake(lambda name, x: 2 * x if name == "b" else x, "b: twice."),
        },
        cases=lambda seed: [("a", 1), ("b", 1), ("a", 2), ("b", 3)],
        praise="fine",
    )
    assert check(lambda name, x: -x if name == "a" else 2 * x).messages == ("a: the sign.", "b: twice.")
    assert check(lambda name, x: x).messages == ("fine",)


def test_an_error_is_quoted_with_the_input_that_raised_it():
    (message,) = check_double(lambda x: x.no_such_method()).messages
    assert "AttributeError" in message
    assert message.endswith("with x = [1.0, 2.0].")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: None, "you return None (is a `return` missing?)"),
        (lambda x: 2 * x[:1], "shape [1], expected [2]"),
        (lambda x: (2 * x).tolist(), "you return a list, not a tensor"),
        (lambda x: (2 * x).int(), "they are integers; expected floating-point numbers"),
        (lambda x: 2 * x / (x - 1), "is inf (1 of 2 are wrong; an exponential or a quotient outgrew its dtype)"),
        (lambda x: (x - 1) / (x - 1), "is nan (2 of 2 are wrong; NaN comes from 0/0 or inf - inf)"),
        (lambda x: x.mul_(2), "changes its input in place"),
        (lambda x: (2 * x).sum().item(), "no gradient comes back through one. Return the tensor."),
    ],
)
def test_what_every_task_notices_for_nothing(answer, words):
    assert words in check_double(answer).messages[0]


def test_right_values_of_another_holder_pass():
    assert check_double(lambda x: 2 * x.double()).passed
    mean = task(lambda x: x.mean().item(), VECTOR)
    assert mean(lambda x: x.mean()).passed
    assert mean(lambda x: (1 + 2) / 2).passed
    length = task(len, VECTOR)
    assert length(lambda x: torch.tensor(len(x))).passed
    assert "they are floating-point numbers; expected integers" in length(lambda x: len(x) / 1).messages[0]


@pytest.mark.parametrize(
    ("found", "expected", "equal"),
    [
        (1, 1.0, True),
        (10_001, 10_000, False),  # ints are counts: no tolerance
        (10_000.1, 10_000.0, True),
        (10**400, 1.0, False),
        (torch.nan, torch.nan, True),
        (torch.inf, torch.inf, True),
        (torch.inf, 1.0, False),
        (True, 1, False),
        (torch.tensor(2.0), 2.0, True),
        (torch.tensor([2.0]), 2.0, False),
        (torch.tensor([1.0, torch.nan]), torch.tensor([1.0, torch.nan]), True),
        (torch.tensor([True]), torch.tensor([1]), True),
        (frozenset({1}), {1}, True),
        ([{1}, set()], ({1}, set()), True),
        ({"a": 1.0}, {"a": 1.00001}, True),
        ({"a": 1.0}, {"b": 1.0}, False),
        (np.float32(0.5), 0.5, True),
        ([[1, 2]], torch.tensor([[1, 2]]), True),
        ("text", "text", True),
        (None, (), False),
    ],
)
def test_values_are_compared_by_what_they_say(found, expected, equal):
    assert same(as_value(found), as_value(expected)) == equal
    assert (difference(as_value(found), as_value(expected)) is None) <= equal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.tensor(0.12345), "0.123"),
        (torch.tensor([0.5, -2.0]), "[0.5, -2.0]"),
        (torch.tensor([[0.1, 0.2], [0.3, 0.4]]), "[[0.1, 0.2], [0.3, 0.4]]"),
        (torch.tensor([[True, False]]), "[[1, 0]]"),
        (torch.zeros(5), "a tensor of shape [5]"),
        ([True, False], "[1, 0]"),
        (list(range(13)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]"),
    ],
)
def test_arguments_of_any_shape_are_shown_as_a_reader_would_write_them(value, text):
    assert show(value) == text


def test_a_gradient_is_looked_at_once_the_values_are_right():
    table = {"halved": Mistake(lambda x, y: x * y / 2 + (x * y / 2).detach(), "halved")}

    check = Task(
        name="product",
        asks="answer(x, y)",
        right=lambda x, y: x * y,
        gradients=("x", "y"),
        gradient_mistakes=table,
        mistakes={},
        cases=lambda seed: [(VECTOR, VECTOR + 3)],
        praise="fine",
    )
    assert check(lambda x, y: y * x).messages == ("fine",)
    assert check(lambda x, y: (x * y).detach()).messages == (
        "The result is right, but no gradient comes back through it.",
    )
    assert check(lambda x, y: x * y.detach()).messages == ("The result is right, but no gradient reaches y.",)
    assert check(table["halved"].wrong).messages == ("halved",)
    (message,) = check(lambda x, y: x * y - y.square() + y.square().detach()).messages
    assert message.startswith(
        "The result is right, its gradient is not. Wrong with x = [1.0, 2.0], y = [4.0, 5.0]"
    )
    assert "in y, the first wrong value" in message


@pytest.mark.parametrize("wrong", [{"gradients": ("y",)}, {"apart": "y"}])
def test_a_task_that_names_an_argument_it_does_not_have_is_refused(wrong):
    with pytest.raises(ValueError, match=r"'toy': got 'y', expected one of \['x'\]"):
        task(double, VECTOR, **wrong)


def test_a_further_look_has_its_own_use_and_mistakes():
    then = Look({"slow": Mistake(lambda x: 2 * x.abs(), "No sign.")}, use=lambda answer, x: answer(-x))
    check = task(double, VECTOR, then=[then])
    assert check(lambda x: 2 * x.abs()).messages == ("No sign.",)
    assert check(double).passed


def test_demands_are_made_of_right_answers_only():
    check = task(
        lambda x: x.softmax(0),
        VECTOR,
        demands=[
            own_work(["softmax"], "exp and sum", lambda: (VECTOR,)),
            no_loop(lambda seq: (torch.zeros(seq),)),
        ],
    )
    (message,) = check(lambda x: F.softmax(x, 0)).messages
    assert message == "The values are right, but torch's softmax does the work. Write it with exp and sum."
    assert "loop over positions" in check(lambda x: torch.stack([e.exp() / x.exp().sum() for e in x])).messages[0]
    assert "Wrong with" in check(lambda x: 2 * F.softmax(x, 0)).messages[0]
    assert check(lambda x: x.exp() / x.exp().sum()).passed


def test_what_an_answer_does_is_counted():
    a, b = torch.ones(3, 4), torch.ones(4, 5)
    assert multiply_adds(lambda: a @ b) == 3 * 4 * 5
    assert multiply_adds(lambda: (a[:, :, None] * b).sum(1)) == 3 * 4 * 5
    assert multiply_adds(lambda: F.conv1d(torch.ones(1, 4, 6), torch.ones(5, 4, 1))) == 4 * 5 * 6
    assert largest_tensor(lambda: (a[:, :, None] * b).sum(1)) == 3 * 4 * 5
    assert largest_tensor(lambda: sum(range(9))) == 0
    assert count_calls(lambda x: x.exp() + x.exp(), a)["exp"] == 2
    with pytest.raises(AnswerRaised, match=r"ZeroDivisionError: .* with \(3\)"):
        count_calls(lambda x: x / 0, 3)


def test_memory_is_counted_in_the_numbers_that_are_alive():
    counter = CountAlive()

    def run():
        kept = torch.zeros(10) + 1
        gone = torch.zeros(1000) + 1
        del gone
        counter.count()
        return kept

    watch(counter, run, ())
    assert counter.most == 10


def meddles(x):
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(99)
    random.seed(99)
    np.random.seed(99)
    warnings.simplefilter("error")
    return 2 * x


def test_an_answer_that_changes_the_state_of_torch_leaves_no_trace():
    python, numpy = random.getstate(), np.random.get_state()[1].copy()
    filters, drawn = list(warnings.filters), torch.get_rng_state()
    assert check_double(meddles).passed
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert random.getstate() == python
    assert np.array_equal(np.random.get_state()[1], numpy)
    assert warnings.filters == filters
    assert torch.equal(torch.get_rng_state(), drawn)


def test_inside_a_check_nothing_is_left_of_what_the_notebook_has_set():
    with torch.inference_mode(), torch.device("meta"), own_state():
        x = torch.ones(2, requires_grad=True)
        assert x.device.type == "cpu"
        assert (2 * x).requires_grad
        first = torch.rand(3), random.random(), np.random.rand()
    with own_state():
        second = torch.rand(3), random.random(), np.random.rand()
    assert torch.equal(first[0], second[0])
    assert first[1:] == second[1:]


def test_nothing_reaches_stderr_where_nbgrader_would_count_it_as_a_failure(capsys):
    def noisy(x):
        warnings.warn("deprecated", stacklevel=1)
        print("working", file=sys.stderr)
        return 2 * x

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert check_double(noisy).passed
    assert seen == []
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "working" in captured.out


def test_require_prints_what_is_right_and_raises_what_is_not(capsys):
    check_double(double).require()
    assert capsys.readouterr().out.startswith("toy: right")
    with pytest.raises(NotYet, match="You square") as raised:
        check_double(torch.square).require()
    assert raised.value._render_traceback_() == [str(raised.value)]
