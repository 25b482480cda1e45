"""Readers of captions: what they have read, and that they write captions of their own."""

import pytest
import torch

from vlm_lib.data import scenes
from vlm_lib.decoding.magic import Weights
from vlm_lib.decoding.magic_search import magic_search
from vlm_lib.evaluation.said_words import well_formed
from vlm_lib.zoo.caption_reader import ReaderRecipe, caption_reader, texts


def test_a_colour_can_be_kept_from_it_and_nothing_else_changes():
    every, fewer = texts(ReaderRecipe(seed=3)), texts(ReaderRecipe(seed=3, without="purple"))
    assert fewer == [text for text in every if "purple" not in text]
    assert 0 < len(fewer) < len(every) == 4096
    assert all(well_formed(every))


def test_no_text_holds_a_pair_that_is_kept_from_training():
    read = texts(ReaderRecipe())
    assert not any(f"{colour} {shape}" in text for text in read for colour, shape in scenes.HELD_OUT)


def test_it_has_learned_to_write_captions():
    reader = caption_reader()
    eos = reader.tokenizer.eos_token_id
    found = magic_search(reader.lm, reader.prompt, None, Weights(1), eos=eos, max_tokens=25)[0]
    assert well_formed([reader.decode(found.tokens)]) == [True]
    assert reader.decode([*found.tokens, eos]) == reader.decode(found.tokens)
    with torch.no_grad():
        first = reader.lm(reader.prompt[None]).logits[0, -1].argmax()
    assert found.tokens[0] == int(first)


def test_what_is_no_colour_is_refused():
    with pytest.raises(ValueError, match="without: got 'circle'"):
        caption_reader(without="circle")
