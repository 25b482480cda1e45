"""The full-scale section's code, run on the same classes at random initialisation."""

import open_clip
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from vlm_lib.data import captions
from vlm_lib.data.documents import interleaved
from vlm_lib.data.tokenizer import split_words
from vlm_lib.models.flamingo_open_clip import flamingo_from, pixels
from vlm_lib.zoo.flamingo_scenes import accuracy_on_scenes, train_on_scenes


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


def test_training_changes_the_new_parts_and_the_rows_of_new_tokens_and_nothing_else(parts):
    visual, lm, tokenizer = parts
    words = len(tokenizer)
    old_rows = (
        lm.get_input_embeddings().weight.detach().clone(),
        lm.get_output_embeddings().weight.detach().clone(),
    )
    model = small(parts)
    before = {name: p.clone() for name, p in model.named_parameters()}
    history = train_on_scenes(model, tokenizer, documents=8, steps=3, batch=4)
    assert len(history.loss) == 3
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert changed == set(model.trained_parameters())
    assert {name for name in changed if name.startswith(("lm.", "vision."))} == {
        "lm.model.embed_tokens.new",
        "lm.lm_head.new",
    }
    assert torch.equal(lm.get_input_embeddings()(torch.arange(words)), old_rows[0])
    hidden = torch.randn(3, 32)
    assert torch.equal(lm.get_output_embeddings()(hidden)[:, :words], hidden @ old_rows[1].T)


def test_end_of_chunk_becomes_likely_where_it_belongs(parts):
    """<eoc> counts in the loss, so its row must learn: after training it follows the full stop more often."""
    model, tokenizer = small(parts), parts[2]
    ids = tokenizer("<bos> <image> a red circle .", return_tensors="pt").input_ids
    features, eoc = torch.randn(1, 1, 4, 32), tokenizer.convert_tokens_to_ids("<eoc>")

    def chance():
        return model(ids, features)[0, -1].softmax(-1)[eoc].item()

    before = chance()
    train_on_scenes(model, tokenizer, documents=16, steps=20, batch=4)
    assert chance() > 1.2 * before


def test_a_shared_matrix_stays_shared_and_old_words_keep_their_logits(parts):
    visual, _, tokenizer = parts
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1}
    words = len(tokenizer)
    tied = LlamaConfig(vocab_size=words, num_hidden_layers=2, tie_word_embeddings=True, **sizes)
    lm, ids = LlamaForCausalLM(tied).eval(), torch.arange(6)[None]
    alone = lm(ids).logits
    model = small((visual, lm, tokenizer))
    assert [name for name in model.trained_parameters() if name.startswith("lm.")] == ["lm.model.embed_tokens.new"]
    assert model.lm.lm_head.new is model.lm.model.embed_tokens.new
    out = model(ids, torch.randn(1, 0, 4, 32))
    assert out.shape[-1] == words + 4
    torch.testing.assert_close(out[..., :words], alone, rtol=0, atol=1e-6)


def test_accuracy_counts_the_attribute_words_alone(parts):
    """An LM that says the same word everywhere is right as often as that word is an answer."""
    model, tokenizer = small(parts), parts[2]
    red = tokenizer.convert_tokens_to_ids("red")
    model.lm.lm_head.register_forward_hook(
        lambda module, args, out: torch.zeros_like(out).index_fill(-1, torch.tensor([red]), 1.0)
    )
    documents = interleaved(40, 77, images_per_document=2, tokenizer=tokenizer, caption="short")
    answers = documents.input_ids[documents.answer_mask]
    expected = (answers == red).float().mean().item()
    assert expected > 0
    found = accuracy_on_scenes(model, tokenizer, images=2, documents=40)
    assert found == pytest.approx(expected)


def test_the_tags_get_one_token_each_and_the_lm_rows_for_them(parts):
    visual, lm, tokenizer = parts
    words = len(tokenizer)
    model = small(parts)
    assert len(tokenizer("<bos> <image> <eoc> <pad>").input_ids) == 4
    assert lm.config.vocab_size == words + 4 == len(tokenizer)
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
