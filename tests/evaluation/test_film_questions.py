"""Questions about films, asked of models whose answers are known."""

import pytest
import torch

from vlm_lib.data.films import STATES, films
from vlm_lib.evaluation.film_questions import frame_order, matched, ridge_right, still_features


class Knows:
    """Reads a frame's state off a table of pixels and orders frames by `rank`; its vectors are states."""

    def __init__(self, drawn, rank):
        self.table = {(f.float() / 255).numpy().tobytes(): int(s) for f, s in
                      zip(drawn.frames.flatten(0, 1), drawn.states.flatten(), strict=True)}  # fmt: skip
        self.rank, self.lines = rank, {}
        for ids, state in zip(drawn.ids.flatten(0, 1), drawn.states.flatten(), strict=True):
            self.lines[tuple(ids.tolist())] = int(state)

    def see(self, frames):
        states = torch.tensor([[self.table.get(f.numpy().tobytes(), 0) for f in film] for film in frames])
        return states, torch.eye(len(STATES))[states]

    def read(self, ids):
        states = torch.tensor([[self.lines[tuple(line)] for line in film] for film in ids.tolist()])
        return torch.eye(len(STATES))[states], None

    def join(self, states, ids, places=None):
        return type("Joined", (), {"frames": states.float()[..., None], "lines": None})

    def pair_logits(self, joined):
        rank = torch.tensor(self.rank, dtype=torch.float)[joined.frames[..., 0].long()]
        gap = rank[:, None] - rank[:, :, None]
        return None, torch.stack([0 * gap, 0 * gap, gap, -gap], dim=-1)


def test_a_model_that_knows_the_script_orders_every_film_and_backwards_none():
    drawn = films(20, 0, scripts=["grows", "divides"])
    order = [float(i) for i in range(len(STATES))]
    assert frame_order(Knows(drawn, order), drawn).eq(1).all()
    assert frame_order(Knows(drawn, order[::-1]), drawn).eq(0).all()
    assert frame_order(Knows(drawn, order), drawn, blank=True).eq(0).all()  # all alike: undecided, which is wrong


def test_lines_are_matched_by_a_model_that_knows_states():
    drawn = films(20, 0)
    assert matched(Knows(drawn, [0.0] * len(STATES)), drawn) == 1.0


def test_features_are_those_of_the_frame_that_was_asked_for():
    drawn = films(12, 0)
    frame = [i % 4 for i in range(12)]
    features = still_features(Knows(drawn, [0.0] * len(STATES)), drawn, frame)
    assert features[:, 0].tolist() == [float(drawn.states[i, i % 4]) for i in range(12)]


def test_a_linear_question_is_answered_and_one_about_noise_is_not():
    torch.manual_seed(0)
    x = torch.randn(400, 6)
    answers = {"sign": (x[:, 0] > 0).long(), "coin": torch.randint(2, (400,))}

    def part(rows):
        return x[rows], {name: a[rows] for name, a in answers.items()}

    found = ridge_right(part(slice(300)), part(slice(300, None)))
    assert found["sign"] > 0.93
    assert 0.35 < found["coin"] < 0.65
    with pytest.raises(ValueError, match="test"):
        ridge_right(part(slice(300)), (x[300:], {"sign": answers["sign"][300:]}))
