"""All checkers of all sheets: a new task is in a sheet and in its chapter's `__all__`, and these tests try it."""

import inspect

import pytest
import torch
from helpers.tasks import NONSENSE, checkers, sheet_tasks, skeletons, solutions

from vlm_lib.grading.kit.task import argument_names, call

CHECKERS = checkers()
TASKS = {task.checker: task for task in sheet_tasks()}
EACH = pytest.mark.parametrize("name", CHECKERS)
WAYS = [
    pytest.param(name, way, mistake.message, id=f"{name}-{title}" + f"-{number}" * (number > 0))
    for name, check in CHECKERS.items()
    for title, mistake in check.known.items()
    for number, way in enumerate(mistake.ways)
]


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """The sheets' solutions, by the name of their checker."""
    folder = tmp_path_factory.mktemp("solutions")
    sheets = {sheet: solutions(sheet, folder) for sheet in {task.sheet for task in TASKS.values()}}
    return {name: getattr(sheets[task.sheet], task.answer) for name, task in TASKS.items()}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """The skeletons that students get, by the name of their checker."""
    folder = tmp_path_factory.mktemp("skeletons")
    sheets = {sheet: skeletons(sheet, folder) for sheet in {task.sheet for task in TASKS.values()}}
    return {name: getattr(sheets[task.sheet], task.answer) for name, task in TASKS.items()}


def test_each_checker_has_its_task_and_each_task_its_checker_and_seed():
    tasks = list(sheet_tasks())
    assert sorted(task.checker for task in tasks) == sorted(CHECKERS)
    assert len({task.seed for task in tasks} | {0}) == len(tasks) + 1


@pytest.mark.parametrize(("name", "wrong", "message"), WAYS)
def test_each_known_mistake_gets_its_own_diagnosis_and_no_other(name, wrong, message):
    for seed in (0, 1, TASKS[name].seed):
        report = CHECKERS[name](wrong, seed=seed)
        assert not report.passed
        assert report.messages == (message,), f"seed {seed}"


@EACH
def test_the_names_and_messages_of_a_checker_tell_its_mistakes_apart(name):
    tables = [look.mistakes for look in CHECKERS[name].looks]
    names = [title for table in tables for title in table]
    messages = [mistake.message for table in tables for mistake in table.values()]
    assert len(names) >= 5
    assert len(set(names)) == len(names)
    assert len(set(messages)) == len(messages)


@EACH
@NONSENSE
def test_nonsense_gets_a_message_and_never_an_error_of_the_checker(name, answer):
    report = CHECKERS[name](answer)
    assert not report.passed
    assert all(report.messages)


@EACH
def test_the_sheets_solution_passes(name, solved):
    for seed in (0, 1, 2, 3, TASKS[name].seed):
        report = CHECKERS[name](solved[name], seed=seed)
        assert report.passed, report
        assert report.messages == (CHECKERS[name].praise,)


@EACH
def test_the_sheets_skeleton_is_known(name, untouched):
    """It gets the message of one known mistake: mostly that nothing is computed yet."""
    (message,) = CHECKERS[name](untouched[name]).messages
    assert message in {mistake.message for mistake in CHECKERS[name].known.values()}


@EACH
def test_messages_name_the_arguments_as_the_sheet_does(name, solved):
    check = CHECKERS[name]
    if check.use is call:
        assert argument_names(call, check.right) == list(inspect.signature(solved[name]).parameters)


@pytest.fixture
def spoilt():
    """What a cell of a notebook may have set, before the check and for good."""
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(7)
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)


@EACH
def test_what_a_notebook_has_set_does_not_reach_the_checker(name, solved, spoilt):
    before = torch.get_rng_state()
    assert CHECKERS[name](solved[name]).passed
    assert not torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float64
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", [name for name, check in CHECKERS.items() if check.gradients])
def test_no_value_without_its_graph_passes_where_a_gradient_is_due(name, solved, spoilt):
    right = solved[name]
    number = CHECKERS[name](lambda *case: right(*case).sum().item())
    assert "no gradient comes back" in number.messages[0]
    for cut in (lambda *case: right(*case).detach(), lambda *case: torch.tensor(right(*case).tolist())):
        assert CHECKERS[name](cut).messages == ("The result is right, but no gradient comes back through it.",)


@pytest.mark.parametrize("name", [name for name, check in CHECKERS.items() if check.use is call])
def test_values_learned_by_heart_from_the_visible_inputs_fail_on_the_hidden_ones(name):
    check = CHECKERS[name]
    known = {str(case): check.right(*case) for case in check.cases(0)}

    def by_heart(*case):
        return known[str(case)] if str(case) in known else check.known["untouched"].wrong(*case)

    assert not check(by_heart, seed=TASKS[name].seed).passed
    if not (check.gradients or check.then or check.demands):
        assert check(by_heart).passed


@EACH
def test_a_notebook_shows_what_a_checker_asks_for(name):
    check = CHECKERS[name]
    assert check.asks in repr(check)
    assert check.asks in inspect.getdoc(check)
