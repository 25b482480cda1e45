"""The things, their texts and their pictures."""

from collections import Counter

import numpy as np
import pytest
import torch

from vlm_lib.data import album, openmoji, things
from vlm_lib.data.views import views


@pytest.fixture(scope="module")
def pictures():
    return torch.rand(48, 6, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_four_of_each_kind_with_names_of_their_own():
    known = things.things()
    assert set(Counter(thing.kind for thing in known).values()) == {4}
    assert len({thing.name for thing in known}) == len(known) == 48
    names = openmoji.load().names
    assert all(names[thing.row] == thing.name for thing in known)
    assert not any(thing.kind in thing.name.split() for thing in known)


def test_one_of_each_kind_is_withheld_from_captions():
    hidden, shown = things.withheld(), things.captioned()
    assert sorted([*hidden, *shown]) == list(range(48))
    assert set(Counter(things.things()[i].kind for i in hidden).values()) == {1}


def test_other_facts_agree_with_no_true_one_and_keep_how_often_each_kind_comes():
    true, other = things.things(), things.other_facts()
    assert all(a.name == b.name and a.kind != b.kind for a, b in zip(true, other, strict=True))
    assert Counter(t.kind for t in true) == Counter(t.kind for t in other)


def test_every_text_is_made_of_known_words():
    tokenizer, rng = things.things_tokenizer(), np.random.default_rng(0)
    texts = [things.fact_text(thing, rng) for thing in (*things.things(), *things.other_facts())]
    texts += [things.game_text(things.things(), rng, 9) for _ in range(20)]
    assert tokenizer.unk_token_id not in set(sum(tokenizer(texts).input_ids, []))
    assert tokenizer.decode(tokenizer(texts[0]).input_ids) == texts[0]


def test_a_name_keeps_its_made_up_word_throughout_a_game():
    rng = np.random.default_rng(1)
    for _ in range(50):
        game = things.game_text(things.things()[:5], rng, 12)
        lines = [line.rsplit(" ", 1) for line in game.removeprefix("<bos> ").removesuffix(" . <eos>").split(" . ")]
        pairs = {tuple(line) for line in lines}
        assert len(lines) == 12
        assert len(pairs) == len({name for name, _ in pairs}) == len({word for _, word in pairs})


def test_captions_say_the_name_and_nothing_of_what_is_asked_later():
    tokenizer = things.things_tokenizer()
    for row in things.captioned():
        said = tokenizer.decode(album.caption_ids([row])[0])
        thing = things.things()[row]
        assert said.startswith(f"<bos> <image> <image> : it is called {thing.name} .")
        assert thing.kind not in said.split()


@pytest.mark.parametrize("shots", [0, 1, 3, 5])
def test_naming_games_tell_each_word_as_often_and_never_show_a_view_twice(pictures, shots):
    games = album.naming_games(pictures, things.captioned(), 40, shots, seed=3)
    tokenizer = things.things_tokenizer()
    for i in range(40):
        words = [t for t in tokenizer.decode(games.ids[i]).split() if t in things.MADE_UP]
        rows = games.examples[i].tolist()
        told = dict(zip(rows[:-1], words, strict=True))
        assert set(Counter(words).values()) <= {shots}
        assert len(words) == 2 * shots
        if shots:
            assert len(set(rows)) == 2
            assert told[rows[-1]] == tokenizer.convert_ids_to_tokens(games.answers[i].item())
        assert len({picture.sum().item() for picture in games.pixels[i]}) == 2 * shots + 1
    assert 5 < sum(games.answers[i].item() < games.others[i].item() for i in range(40)) < 35


def test_views_differ_and_are_the_same_for_a_seed():
    drawings = openmoji.load().images[:3]
    first, again, other = views(drawings, 4, 0), views(drawings, 4, 0), views(drawings, 4, 1)
    assert first.shape == (3, 4, 3, 32, 32)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.min() >= -1
    assert first.max() <= 1
    assert all(not torch.equal(first[0, 0], first[0, k]) for k in (1, 2, 3))


@pytest.mark.parametrize("shots", [-1, 6])
def test_refuses_more_examples_than_there_are_views(pictures, shots):
    with pytest.raises(ValueError, match="shots"):
        album.naming_games(pictures, things.captioned(), 2, shots, seed=0)


def test_refuses_another_question():
    with pytest.raises(ValueError, match="question"):
        album.question_ids("colour", 2)
