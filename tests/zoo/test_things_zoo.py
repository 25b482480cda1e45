"""The LM that reads about things and the tower that knows drawings: small ones, made as the zoo makes them."""

import numpy as np
import pytest
import torch

from vlm_lib.data import things
from vlm_lib.evaluation.perplexity import next_word_accuracy
from vlm_lib.models.frozen import small_lm
from vlm_lib.zoo import things_lm as reading
from vlm_lib.zoo.things_trunk import TrunkRecipe, things_trunk

KNOWN = things.things()[:4]
RECIPE = reading.ThingsRecipe(steps=60, facts=8, games=2, lists=2, lr=5e-3)


@pytest.fixture(scope="module")
def trained():
    model = small_lm(len(things.things_tokenizer()), 0, width=32, layers=1, heads=2)
    reading.train_things_lm(model, RECIPE, KNOWN)
    return model.eval()


def test_it_remembers_what_it_read(trained):
    before = small_lm(len(things.things_tokenizer()), 0, width=32, layers=1, heads=2)
    loss = [reading.things_quality(model, KNOWN)["nats per token, facts"] for model in (before, trained)]
    assert loss[1] < 0.5 * loss[0]
    assert (
        next_word_accuracy(trained, things.things_tokenizer(), ["<bos> monkey : it is a kind of"], ["mammal"])
        == 1.0
    )


def test_made_up_words_and_second_halves_alone_count():
    model = small_lm(len(things.things_tokenizer()), 0, width=16, layers=1, heads=2)
    tokenizer = things.things_tokenizer()
    ids = reading.token_ids(["<bos> lion dax . harp fep . <eos>"])
    each = -model(input_ids=ids).logits.log_softmax(-1)[0, :-1].gather(1, ids[0, 1:, None])[:, 0]
    made_up = [tokenizer.convert_ids_to_tokens(i) in things.MADE_UP for i in ids[0, 1:].tolist()]
    expected = each[torch.tensor(made_up)].mean()
    torch.testing.assert_close(reading.text_loss(model, ids, made_up_only=True), expected)
    rows = reading.token_ids(["<bos> axe pie axe pie <eos>", "<bos> axe pie owl axe pie owl <eos>"])
    logs = -model(input_ids=rows).logits.log_softmax(-1)[:, :-1].gather(2, rows[:, 1:, None])[..., 0]
    expected = torch.cat([logs[0, 2 + 1 : 5], logs[1, 3 + 1 : 7]]).mean()
    torch.testing.assert_close(reading.text_loss(model, rows, again_only=True), expected)


def test_lists_differ_in_length_and_say_everything_twice():
    rng, lengths = np.random.default_rng(0), set()
    for _ in range(50):
        said = things.list_text(rng).split()[1:-1]
        assert said[: len(said) // 2] == said[len(said) // 2 :]
        lengths.add(len(said))
    assert len(lengths) > 5


def test_the_tower_is_built_from_other_drawings_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("VLM_LIB_CACHE", str(tmp_path))
    recipe = TrunkRecipe(drawings=4, each=2, steps=3, batch=4)
    (first, _), (again, _) = things_trunk(recipe), things_trunk(recipe)
    pixels = torch.randn(2, 3, 32, 32)
    assert torch.equal(first(pixels), again(pixels))
    assert not any(p.requires_grad for p in first.parameters())


def test_a_new_tokenizer_finds_the_lm_that_was_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("VLM_LIB_CACHE", str(tmp_path))
    recipe, paths = reading.ThingsRecipe(steps=1, facts=1, games=1, lists=1), set()
    for _ in range(4):
        paths.add(reading.things_lm(recipe=recipe)[1].path)
        things.things_tokenizer.cache_clear()  # as another process would: its vocabulary comes in another order
    assert len(paths) == 1
