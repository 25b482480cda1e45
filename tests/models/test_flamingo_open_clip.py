"""The full-scale section's code, run on the same classes at random initialisation."""

import open_clip
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from vlm_lib.data import captions
from vlm_lib.data.tokenizer import split_words
from vlm_lib.models.flamingo_open_clip import accuracy_on_scenes, flamingo_from, pixels, train_on_scenes


@pytest.fixture
def parts():
    torch.manual_seed(0)
    text = {"context_length": 8, "vocab_size": 16, "width": 16, "heads": 2, "layers": 1}
    vision = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
    visual = open_clip.CLIP(16, vision, text).visual
    words = sorted({word for line in captions.vocabulary() for word in split_words(line)} | {".", "<unk>"})
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>")
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1}
    lm = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), num_hidden_layers=4, **sizes))
    return visual, lm, tokenizer


def small(parts):
    return flamingo_from(*parts, every=2, num_latents=4, resampler_depth=1, heads=2, head_dim=8)


def test_training_changes_the_new_parts_only_and_accuracy_is_a_share(parts):
    model = small(parts)
    before = {name: p.clone() for name, p in model.named_parameters()}
    history = train_on_scenes(model, parts[2], documents=8, steps=3, batch=4)
    assert len(history.loss) == 3
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert changed
    assert changed <= set(model.trained_parameters())
    assert not any(name.startswith(("lm.", "vision.")) for name in changed)
    assert 0 <= accuracy_on_scenes(model, parts[2], images=2, documents=4) <= 1


def test_the_tags_get_one_token_each_and_the_lm_rows_for_them(parts):
    visual, lm, tokenizer = parts
    words = len(tokenizer)
    model = small(parts)
    assert len(tokenizer("<bos> <image> <eoc> <pad>").input_ids) == 4
    assert lm.get_input_embeddings().num_embeddings == words + 4 == len(tokenizer)
    assert model.image_token_id == tokenizer.convert_tokens_to_ids("<image>")


def test_pixels_are_resized_and_normalised_per_channel():
    white = torch.full((2, 3, 3, 64, 64), 255, dtype=torch.uint8)
    out = pixels(white, (32, 32))
    assert out.shape == (2, 3, 3, 32, 32)
    expected = (1 - torch.tensor([0.48145466, 0.4578275, 0.40821073])) / torch.tensor(
        [0.26862954, 0.26130258, 0.27577711]
    )
    torch.testing.assert_close(out[0, 0].mean(dim=(1, 2)), expected, atol=1e-4, rtol=0)


def test_a_slow_tokenizer_is_refused(parts):
    class Slow:
        is_fast = False

    with pytest.raises(ValueError, match="expected a fast one"):
        flamingo_from(parts[0], parts[1], Slow())
