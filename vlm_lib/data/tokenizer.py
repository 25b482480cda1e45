"""One word-level vocabulary for both worlds, with the interface of a transformers tokenizer.

A token is a word, or a single punctuation sign. So a sentence's positions can be counted by eye, and a mask over
"the attribute words" needs no alignment. Words that neither world knows become <unk>.
"""

from __future__ import annotations

import functools
import string

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from vlm_lib.data import captions, openmoji_metadata, videos

PAD, UNK, BOS, EOS, IMAGE, EOC = SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>", "<image>", "<eoc>")
# Words of prompts that stand in neither world's own sentences.
EXTRA = "yes no not or and question answer caption context image then first last before after it in"
_NORMALIZER = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace("’", "'")])
_PRE_TOKENIZER = pre_tokenizers.Sequence(
    [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(behavior="isolated")]
)


def split_words(text: str) -> list[str]:
    """The words and signs of a text, as the tokenizer sees them; joined by spaces, the text's canonical form."""
    return [word for word, _ in _PRE_TOKENIZER.pre_tokenize_str(_NORMALIZER.normalize_str(text))]


WORLDS = ("scenes", "openmoji")


@functools.cache
def vocabulary(worlds: tuple[str, ...] = WORLDS) -> dict[str, int]:
    """Word -> id: special tokens first, then punctuation, then all words in alphabetical order."""
    texts = [EXTRA]
    if "scenes" in worlds:
        texts += [*captions.vocabulary(), *videos.vocabulary()]
    if "openmoji" in worlds:
        for record in openmoji_metadata.records():
            texts += [record.name, record.group, record.subgroup, *record.tags]
        texts += openmoji_metadata.facts(openmoji_metadata.records())
    words = {word for text in texts for word in split_words(text)}
    ordered = [*SPECIAL, *string.punctuation, *sorted(words - set(string.punctuation))]
    return {word: index for index, word in enumerate(ordered)}


def world_tokenizer(worlds: tuple[str, ...] = WORLDS) -> PreTrainedTokenizerFast:
    """The tokenizer of the named worlds: <pad> <unk> <bos> <eos> <image> <eoc>, then all words; pads on the right.

    It adds no special tokens of its own: documents write their <bos> and <eoc> where they mean them. Decoding
    joins tokens by single spaces, so canonical text (see `split_words`) comes back unchanged. One world
    alone suits a language model that is to stay small. Raises: ValueError for an unknown world or none.
    Chapter: 01_worlds.
    """
    worlds = tuple(worlds)
    if not worlds or not set(worlds) <= set(WORLDS):
        raise ValueError(f"worlds: got {worlds!r}, expected one or more of {WORLDS}")
    core = Tokenizer(models.WordLevel(vocabulary(worlds), unk_token=UNK))
    core.normalizer = _NORMALIZER
    core.pre_tokenizer = _PRE_TOKENIZER
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        unk_token=UNK,
        bos_token=BOS,
        eos_token=EOS,
        additional_special_tokens=[IMAGE, EOC],
        padding_side="right",
        clean_up_tokenization_spaces=False,  # "red ." must not come back as "red."
        model_input_names=["input_ids", "attention_mask"],
    )
