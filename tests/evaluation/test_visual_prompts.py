"""What is asked of a model with a visual prefix, with models whose answers are known."""

import pytest
import torch
from torch import nn

from vlm_lib.data import album, things
from vlm_lib.evaluation.visual_prompts import answers_right, caption_nats, naming_right, next_word

TOKENIZER = things.things_tokenizer()
PICTURES = torch.rand(48, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


class Says(nn.Module):
    """A model that says one word, whatever it is shown."""

    def __init__(self, word):
        super().__init__()
        self.word = TOKENIZER.convert_tokens_to_ids(word)

    def forward(self, pixels, ids):
        return 20.0 * torch.eye(len(TOKENIZER))[self.word].expand(*ids.shape, -1)


def test_one_kind_for_all_is_right_for_that_kind_alone():
    rows = things.captioned()
    assert answers_right(Says("bird"), PICTURES, rows, "kind") == pytest.approx(3 / 36)
    birds = [row for row in rows if things.things()[row].kind == "bird"]
    assert answers_right(Says("bird"), PICTURES, birds, "kind") == 1.0


def test_a_word_that_is_no_answer_is_never_right():
    games = album.naming_games(PICTURES, things.captioned(), 20, 1, seed=0)
    assert naming_right(Says("mammal"), games) == 0.0


def test_one_made_up_word_is_right_where_it_is_asked_for():
    games = album.naming_games(PICTURES, things.captioned(), 60, 1, seed=0)
    asked = (games.answers == TOKENIZER.convert_tokens_to_ids("dax")).float().mean().item()
    assert naming_right(Says("dax"), games) == pytest.approx(asked)


def test_next_word_is_a_distribution_at_the_end_of_each_prompt():
    chance = next_word(Says("dax"), PICTURES[:3, 0], album.question_ids("kind", 3))
    assert chance.shape == (3, len(TOKENIZER))
    torch.testing.assert_close(chance.sum(dim=-1), torch.ones(3))


def test_caption_nats_pairs_each_view_with_the_caption_of_its_thing():
    class Recorder(nn.Module):
        def loss(self, pixels, ids, given):
            self.seen = (pixels, ids)
            return torch.tensor(1.5)

    recorder, rows = Recorder(), things.captioned()[:3]
    assert caption_nats(recorder, PICTURES, rows) == 1.5
    pixels, ids = recorder.seen
    for i, row in enumerate(rows):
        assert torch.equal(pixels[4 * i + 2], PICTURES[row, 2])
        assert things.things()[row].name in TOKENIZER.decode(ids[4 * i + 2])
