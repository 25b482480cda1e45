"""One vocabulary for both worlds: every word known, every text back as it was."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_lib.data import openmoji_metadata, scenes, videos
from vlm_lib.data.tokenizer import SPECIAL, split_words, vocabulary, world_tokenizer

TOKENIZER = world_tokenizer()
WORDS = [word for word in vocabulary() if word not in SPECIAL]
quick = settings(max_examples=20, deadline=None)


def world_texts():
    drawn = scenes.generate(300, 0, objects=(1, 4), split="all")
    clips = [videos.videos(60, 0, narration=kind, split="all") for kind in videos.NARRATIONS]
    records = openmoji_metadata.records()
    return [
        *scenes.captions(drawn),
        *scenes.captions(drawn, 0),
        *(text for pair in scenes.questions(drawn, 0) for text in pair),
        *scenes.statements(drawn, 0),
        *(sentence for clip in clips for story in clip.narrations for sentence in story),
        *openmoji_metadata.facts(records),
        *(text for record in records for text in (record.name, record.group, record.subgroup, *record.tags)),
    ]


def test_every_word_of_both_worlds_is_known():
    unknown = [
        text
        for text in world_texts()
        if TOKENIZER.unk_token_id in TOKENIZER(text, add_special_tokens=False).input_ids
    ]
    assert unknown == []


def test_scene_texts_come_back_unchanged_and_emoji_texts_in_canonical_form():
    drawn = scenes.generate(300, 1, objects=(1, 4))
    for text in [*scenes.captions(drawn), *scenes.captions(drawn, 0), *scenes.statements(drawn, 0)]:
        assert TOKENIZER.decode(TOKENIZER(text).input_ids) == text
    assert TOKENIZER.decode(TOKENIZER("Woman’s hat: red-and-blue").input_ids) == "woman ' s hat : red - and - blue"


@quick
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))
def test_any_sequence_of_known_words_round_trips(words):
    text = " ".join(words)
    ids = TOKENIZER(text).input_ids
    assert len(ids) == len(words)
    assert TOKENIZER.decode(ids) == text
    assert TOKENIZER.convert_ids_to_tokens(ids) == words


@quick
@given(text=st.text(max_size=40))
def test_any_text_is_split_once_and_for_all(text):
    canonical = " ".join(split_words(text))
    assert " ".join(split_words(canonical)) == canonical
    assert TOKENIZER(text).input_ids == TOKENIZER(canonical).input_ids or any(token in text for token in SPECIAL)


def test_unknown_words_and_punctuation():
    tokens = TOKENIZER.convert_ids_to_tokens(TOKENIZER("a red zyzzyva, (really)!").input_ids)
    assert tokens == ["a", "red", "<unk>", ",", "(", "<unk>", ")", "!"]
    assert all(len(TOKENIZER(sign).input_ids) == 1 for sign in string.punctuation)
    assert TOKENIZER.unk_token_id not in TOKENIZER(string.punctuation).input_ids


def test_special_tokens_stand_first_and_are_never_split():
    assert TOKENIZER.convert_tokens_to_ids(list(SPECIAL)) == list(range(len(SPECIAL)))
    assert (TOKENIZER.pad_token, TOKENIZER.unk_token, TOKENIZER.bos_token, TOKENIZER.eos_token) == SPECIAL[:4]
    ids = TOKENIZER("<bos><image>a red circle .<eoc>").input_ids
    assert TOKENIZER.convert_ids_to_tokens(ids) == ["<bos>", "<image>", "a", "red", "circle", ".", "<eoc>"]
    assert TOKENIZER.decode(ids, skip_special_tokens=True) == "a red circle ."


def test_batches_pad_on_the_right_and_hold_what_a_language_model_takes():
    batch = TOKENIZER(["a red circle .", "a circle ."], padding=True, return_tensors="pt")
    assert set(batch) == {"input_ids", "attention_mask"}
    assert batch.input_ids[1].tolist()[-1] == TOKENIZER.pad_token_id
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]


def test_the_vocabulary_is_the_same_every_time():
    fresh = vocabulary.__wrapped__()
    assert fresh == vocabulary()
    assert list(fresh.values()) == list(range(len(fresh)))
    assert len(TOKENIZER) == len(fresh)
    words = list(fresh)[len(SPECIAL) + len(string.punctuation) :]
    assert words == sorted(words)


def test_each_call_gives_a_tokenizer_of_its_own():
    mine = world_tokenizer()
    mine.padding_side = "left"
    mine.add_tokens(["<mine>"])
    assert world_tokenizer().padding_side == "right"
    assert len(world_tokenizer()) == len(vocabulary())


def test_it_survives_saving_and_loading(tmp_path):
    TOKENIZER.save_pretrained(tmp_path)
    again = type(TOKENIZER).from_pretrained(tmp_path)
    text = "<bos> <image> a large red circle . <eoc> zyzzyva"
    assert again(text).input_ids == TOKENIZER(text).input_ids
    assert again.decode(again(text).input_ids) == TOKENIZER.decode(TOKENIZER(text).input_ids)


@pytest.mark.parametrize("word", ["lion", "zodiac", "leftmost"])
def test_known_means_in_one_of_the_worlds(word):
    assert (word in vocabulary()) == (word != "leftmost")


def test_one_world_alone_knows_its_own_words_only():
    small = world_tokenizer(("scenes",))
    assert len(small) < len(TOKENIZER) / 10
    assert small.unk_token_id not in small("<image> a red circle . <eoc>").input_ids
    assert small.unk_token_id in small("giraffe").input_ids


@pytest.mark.parametrize("worlds", [(), ("scenes", "imagenet")])
def test_unknown_worlds_are_named(worlds):
    with pytest.raises(ValueError, match="worlds: got"):
        world_tokenizer(worlds)
