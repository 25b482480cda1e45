"""The real CoCa: its tokens are the tower's own, its batches hold what they should, and it sees what it names."""

import torch

from vlm_lib.data import openmoji
from vlm_lib.zoo.real_coca import NameTokens, RealCoCaRecipe, batches, real_coca, wordings
from vlm_lib.zoo.real_features import image_features
from vlm_lib.zoo.real_maps import drawing_maps, tower_maps
from vlm_lib.zoo.real_towers import image_tower


def test_the_towers_own_head_makes_its_features_of_these_maps():
    tower, images = image_tower(), openmoji.load().images
    with torch.no_grad():
        maps = tower_maps(tower, images[:2])
        network, square = tower.network, maps.transpose(1, 2).unflatten(2, (7, 7))
        pooled = network.forward_head(network.bn2(network.conv_head(square)), pre_logits=True)
    torch.testing.assert_close(pooled, image_features(images)[:2], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(drawing_maps()[:2].float(), maps, atol=2e-2, rtol=2e-3)


def test_names_come_back_and_stand_between_their_marks():
    words = NameTokens()
    ids = words.ids(["cat face", "sun"])
    assert [words.text(row) for row in ids] == ["cat face", "sun"]
    assert ids[:, 0].tolist() == [words.bos, words.bos]
    assert ids[1].tolist()[2:] == [words.eos, words.pad]


def test_a_batch_pairs_each_drawing_with_a_wording_of_its_own_and_drops_places():
    words, recipe = NameTokens(), RealCoCaRecipe(batch=8, drop=0.5)
    records = openmoji.load().records[:20]
    texts = [list(wordings(record)) for record in records]
    marked = torch.arange(20.0)[:, None, None].expand(20, 49, 4)
    maps, ids = batches(marked, texts, words, recipe)(3)
    assert maps.shape == (8, 24, 4)
    assert len(set(maps[:, 0, 0].tolist())) == 8
    for drawing, row in zip(maps[:, 0, 0].int().tolist(), ids, strict=True):
        said = words.text(row)
        assert said in {words.text(words.ids([text])[0]) for text in texts[drawing]}


def test_it_beats_chance_on_drawings_that_it_has_not_seen_and_looks_at_them():
    model, words = real_coca()
    quality = model.card.quality
    assert quality["R@1 text"] > 5 / 256
    assert quality["R@5 text"] > 4 * 5 / 256
    emoji, maps = openmoji.load(), drawing_maps()
    rows = torch.from_numpy(emoji.held_out)
    ids = words.ids([emoji.names[row] for row in emoji.held_out])

    def surprise(shown):
        logits = model(shown, ids)[2]
        targets = ids[:, 1:]
        return torch.nn.functional.cross_entropy(logits.mT, targets, ignore_index=words.pad)

    with torch.no_grad():
        assert surprise(maps[rows]) < surprise(maps[rows.roll(128)]) - 0.2  # neighbours are of one kind
