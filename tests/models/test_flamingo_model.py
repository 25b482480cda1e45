"""The whole model: what it is at the start, what trains, what a token can know, and cached generation."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from helpers.small_flamingo import FAMILIES, IMAGE, PATCHES, Tower, features, flamingo, language_model, text

from vlm_lib.models.frozen_lm import decoder_layers
from vlm_lib.models.image_order import ImageOrder, sinusoidal

families = pytest.mark.parametrize("family", FAMILIES)
TEXT = ("3 < 5 6 < 7 8", "< 4 5 6 7 8 9")  # two images and one


# ---- at the start


@families
@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("attend", ["last", "all_previous"])
def test_starts_as_exactly_the_language_model(family, every, attend):
    lm, ids = language_model(family), text(*TEXT)
    alone = lm.eval()(ids).logits
    model = flamingo(lm, every=every, attend=attend).train()
    assert torch.equal(model(ids, features(2, 2)), alone)


def test_without_gates_it_does_not_start_as_the_language_model():
    lm, ids = language_model("gpt2"), text(*TEXT)
    alone = lm.eval()(ids).logits
    assert (flamingo(lm, gated=False)(ids, features(2, 2)) - alone).abs().max() > 1e-2


@families
def test_first_step_moves_only_the_gates_and_the_second_all_that_is_new(family):
    model, ids, images = flamingo(language_model(family)).train(), text(*TEXT), features(2, 2)

    def moved():
        model.zero_grad()
        logits = model(ids, images)
        torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
        return {name for name, p in model.named_parameters() if p.grad is not None and (p.grad != 0).any()}

    gates = {name for name in model.trained_parameters() if name.endswith("_gate")}
    assert len(gates) == 6
    assert moved() == gates
    torch.optim.SGD(model.trained_parameters().values(), lr=1.0).step()
    assert moved() == set(model.trained_parameters())


# ---- frozen parts


@families
def test_frozen_parts_get_no_gradient_and_stay_in_evaluation_mode(family):
    model = flamingo(language_model(family).train(), gates=1.0)
    for mode in (True, False):
        model.train(mode)
        frozen = [*model.lm.modules(), *model.vision.modules()]
        assert not any(module.training for module in frozen)
        assert all(m.training == mode for m in [*model.blocks.modules(), *model.resampler.modules()])
    model.train()
    before = copy.deepcopy(model.vision.state_dict())
    encoded = model.encode_images(torch.randn(2, 2, 3, 8, 8))
    model(text(*TEXT), encoded).sum().backward()
    frozen = [*model.lm.parameters(), *model.vision.parameters()]
    assert all(p.grad is None and not p.requires_grad for p in frozen)
    assert all(p.grad is not None for p in model.trained_parameters().values())
    after = model.vision.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)  # running statistics too


def test_training_mode_gives_what_evaluation_mode_gives():
    model, ids, images = flamingo(language_model("gpt2"), gates=1.0), text(*TEXT), features(2, 2)
    assert model.lm.config.resid_pdrop > 0
    assert torch.equal(model.train()(ids, images), model.eval()(ids, images))


@families
def test_the_language_model_itself_stays_unchanged(family):
    lm, ids = language_model(family).eval(), text(*TEXT)
    alone = lm(ids).logits
    first, second = flamingo(lm, gates=1.0), flamingo(lm, gates=0.5, every=2)
    images = features(2, 2)
    outs = [model(ids, images) for model in (first, second, first, second)]
    assert not torch.equal(outs[0], alone)
    assert torch.equal(outs[0], outs[2])
    assert torch.equal(outs[1], outs[3])  # two arms on one LM do not meet
    with pytest.raises(ValueError, match="only 1 images"):
        first(ids, images[:, :1])
    assert torch.equal(lm(ids).logits, alone)


def test_four_threads_that_share_a_model_get_what_one_thread_gets():
    """Each call has its own texts and images; the LM alone and a second model on it take part."""
    lm = language_model("gpt2").eval()
    models = [flamingo(lm, gates=1.0), flamingo(lm, gates=0.5, every=2)]
    inputs = [(text("3 < 5 6 < 7 8", "< 4 5 6 7 8 9"), features(2, 2)) for _ in range(20)]
    calls = [lambda ids=ids, images=images, m=m: m(ids, images) for ids, images in inputs for m in models]
    calls += [lambda ids=ids: lm(ids).logits for ids, _ in inputs]
    with torch.no_grad():
        expected = [call() for call in calls]

    def run(call):
        with torch.no_grad():  # grad mode, like the reading of images, belongs to the thread
            return call()

    assert len(calls) == 60
    with ThreadPoolExecutor(4) as pool:
        for got, wanted in zip(pool.map(run, calls), expected, strict=True):
            torch.testing.assert_close(got, wanted, rtol=0, atol=1e-6)


def test_a_call_inside_another_does_not_disturb_it():
    """While one model reads, a hook on the LM's last layer calls the other: both come out as if alone."""
    lm, ids, images = language_model("gpt2").eval(), text(*TEXT), features(2, 2)
    outer, inner = flamingo(lm, gates=1.0), flamingo(language_model("gpt2"), gates=0.7)
    expected, alone, seen = outer(ids, images), inner(ids, images), []
    decoder_layers(lm)[0].register_forward_hook(lambda *_: seen.append(inner(ids, images)))
    assert torch.equal(outer(ids, images), expected)
    assert torch.equal(seen[0], alone)


def test_a_copy_of_the_model_reads_images_with_its_own_blocks():
    model, ids, images = flamingo(language_model("gpt2"), gates=1.0), text(*TEXT), features(2, 2)
    twin = copy.deepcopy(model)
    expected = model(ids, images)
    assert torch.equal(twin(ids, images), expected)
    twin.blocks[0].attention_gate.data.zero_()
    assert not torch.equal(twin(ids, images), expected)
    assert torch.equal(model(ids, images), expected)


@pytest.mark.parametrize("image_order", ["none", "learned", "sinusoidal"])
def test_trained_parameters_alone_restore_the_model(image_order):
    lm, ids, images = language_model("gpt2"), text(*TEXT), features(2, 2)
    model, fresh = (flamingo(lm, gates=g, image_order=image_order, attend="all_previous") for g in (1.0, 0.2))
    trained = {name: p.detach() for name, p in model.trained_parameters().items()}
    assert all(name.startswith(("resampler.", "blocks.", "image_order.")) for name in trained)
    assert ("image_order.table" in trained) == (image_order == "learned")
    assert not torch.equal(fresh(ids, images), model(ids, images))
    missing, unexpected = fresh.load_state_dict(trained, strict=False)
    assert unexpected == []
    assert all(name.startswith(("lm.", "vision.")) for name in missing)
    assert torch.equal(fresh(ids, images), model(ids, images))


def test_encoding_images_is_the_tower_image_by_image_without_gradient():
    model, pixels = flamingo(language_model("gpt2")), torch.randn(2, 3, 3, 8, 8, requires_grad=True)
    encoded = model.encode_images(pixels)
    assert encoded.shape == (2, 3, PATCHES, 12)
    assert not encoded.requires_grad
    for b in range(2):
        torch.testing.assert_close(encoded[b], model.vision(pixels[b]), rtol=0, atol=1e-6)


# ---- precision


@families
def test_a_language_model_in_bfloat16_starts_as_itself_and_follows_float32(family):
    lm, ids, images = language_model(family).eval(), text(*TEXT), features(2, 2)
    model = flamingo(lm, gates=1.0)
    expected, written = model(ids, images), model.generate(ids, images, max_new_tokens=3)
    lm.bfloat16()
    alone = lm(ids).logits
    out = model(ids, images)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), expected, rtol=0, atol=0.15)
    assert model.generate(ids, images, max_new_tokens=3).shape == written.shape
    assert torch.equal(flamingo(lm)(ids, images), alone)
    model(ids, images).float().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.trained_parameters().values())


def test_the_whole_model_in_bfloat16_takes_float32_images():
    model = flamingo(language_model("gpt2"), gates=1.0).bfloat16()
    encoded = model.encode_images(torch.randn(2, 2, 3, 8, 8))
    assert encoded.dtype == torch.bfloat16
    assert model(text(*TEXT), encoded.float()).isfinite().all()


# ---- which layers read


def test_every_second_layer_reads_from_the_first_on():
    lm, ids = language_model("gpt2", layers=5), text(*TEXT)
    model = flamingo(lm, every=2)
    assert len(model.blocks) == 3
    outputs = []
    for layer in decoder_layers(lm):
        layer.register_forward_hook(
            lambda module, args, out: outputs.append(out[0] if isinstance(out, tuple) else out)
        )
    lm(ids)
    alone, images = outputs.copy(), features(2, 2)
    for block, first_changed in zip(model.blocks, (0, 2, 4), strict=True):
        outputs.clear()
        block.attention_gate.data.fill_(1.0)
        model(ids, images)
        block.attention_gate.data.zero_()
        same = [torch.equal(a, b) for a, b in zip(outputs, alone, strict=True)]
        assert same == [layer < first_changed for layer in range(5)]


# ---- what a token can know


@families
def test_text_only(family):
    lm, ids = language_model(family).eval(), text("3 4 5 6", "7 8 9 3")
    model = flamingo(lm, gates=1.0)
    none, some = model(ids, features(2, 0)), model(ids, features(2, 3))
    assert torch.isfinite(none).all()
    assert torch.equal(none, some)  # images that no tag calls for are not seen
    for (
        block
    ) in model.blocks:  # attention adds exactly nothing; the gated feed-forward is what differs from the LM
        block.feed_forward_gate.data.zero_()
    assert torch.equal(model(ids, features(2, 3)), lm(ids).logits)


@families
@pytest.mark.parametrize("attend", ["last", "all_previous"])
def test_no_token_knows_an_image_before_its_tag(family, attend):
    model, ids, images = (
        flamingo(language_model(family), gates=1.0, attend=attend),
        text("3 < 5 6 < 7 8"),
        features(1, 3),
    )
    out = model(ids, images)
    for image, tag in ((0, 1), (1, 4), (2, 7)):
        changed = images.clone()
        changed[:, image] = features(1, 1)[:, 0]
        difference = (model(ids, changed) - out).abs().amax(-1)[0]
        assert (difference[:tag] == 0).all()
        assert (
            difference[tag:] > 1e-4
        ).all()  # after the tag every token knows it: directly, or by the LM's attention


@families
def test_an_earlier_image_arrives_only_through_the_language_models_self_attention(family):
    """One layer. Change image 1, watch the tokens after image 2, with the LM's self-attention and without it."""
    model, ids, images = (
        flamingo(language_model(family, layers=1), gates=1.0),
        text("3 < 5 6 < 7 8"),
        features(1, 2),
    )
    layer = decoder_layers(model.lm)[0]
    norm, attention = (layer.ln_1, layer.attn) if family == "gpt2" else (layer.input_layernorm, layer.self_attn)
    changed, after_block = images.clone(), []
    changed[:, 0] = features(1, 1)[:, 0]
    norm.register_forward_hook(lambda module, args, out: after_block.append(args[0].clone()))

    def moved(a, b):
        return (a != b).any(-1)[0].tolist()

    a, b = model(ids, images), model(ids, changed)
    assert moved(*after_block) == [
        False,
        True,
        True,
        True,
        False,
        False,
        False,
    ]  # what the block lets through directly
    assert moved(a, b) == [False, True, True, True, True, True, True]  # and what the layer makes of it
    attention.register_forward_hook(lambda module, args, out: (torch.zeros_like(out[0]), *out[1:]))
    a, b = model(ids, images), model(ids, changed)
    assert moved(a, b) == [False, True, True, True, False, False, False]


def test_padding_on_the_right_changes_nothing_before_it():
    model, images = flamingo(language_model("gpt2"), gates=1.0), features(1, 2)
    padded = text("3 < 5 < 6 0 0")
    keep = torch.tensor([[1, 1, 1, 1, 1, 0, 0]])
    expected = model(padded[:, :5], images)
    torch.testing.assert_close(model(padded, images, attention_mask=keep)[:, :5], expected, rtol=0, atol=1e-5)


def test_attention_mask_hides_tokens_on_the_left():
    model, images, ids = flamingo(language_model("llama"), gates=1.0), features(1, 1), text("4 5 < 6 7")
    keep = torch.tensor([[0, 1, 1, 1, 1]])
    other = ids.clone()
    other[0, 0] = 9
    hidden = [model(t, images, attention_mask=keep)[:, 1:] for t in (ids, other)]
    assert torch.equal(*hidden)
    assert not torch.equal(model(ids, images)[:, 1:], model(other, images)[:, 1:])


# ---- image numbers


def test_images_are_told_apart_only_with_numbers_where_all_previous_are_seen():
    """Exchange two images: without numbers, the block after the second tag cannot tell."""
    x, phi, media = torch.randn(1, 3, 16), torch.tensor([[1, 2, 2]]), features(1, 2)
    for kind, tells in (("none", False), ("learned", True), ("sinusoidal", True)):
        model = flamingo(language_model("gpt2", layers=1), gates=1.0, attend="all_previous", image_order=kind)
        a, b = (model.blocks[0](x, model.media(m), phi)[:, 1:] for m in (media, media.flip(1)))
        assert ((a - b).abs().max() > 1e-3) == tells


def test_image_numbers_are_added_after_the_resampler_where_no_norm_can_blur_them():
    model, images = flamingo(language_model("gpt2"), image_order="learned"), features(2, 3)
    expected = model.resampler(images) + model.image_order.table[:3, None]
    torch.testing.assert_close(model.media(images), expected, rtol=0, atol=1e-6)


def test_image_numbers_are_added_to_every_token_of_an_image():
    media = torch.randn(2, 3, 4, 6)
    for kind in ("none", "learned", "sinusoidal"):
        order = ImageOrder(kind, 6, max_images=5)
        added = order(media) - media
        torch.testing.assert_close(added, added[:1, :, :1].expand_as(added), rtol=0, atol=1e-6)
        table = {"none": torch.zeros(3, 6), "sinusoidal": sinusoidal(3, 6)}.get(kind)
        expected = order.table[:3] if table is None else table
        torch.testing.assert_close(added[0, :, 0], expected, rtol=0, atol=1e-6)


def test_sinusoidal_by_hand():
    torch.testing.assert_close(sinusoidal(1, 4), torch.tensor([[0.0, 1.0, 0.0, 1.0]]))
    position = torch.tensor(3.0)
    slow = position / 100  # 10000 ** (2 / 4)
    by_hand = torch.stack([position.sin(), position.cos(), slow.sin(), slow.cos()])
    torch.testing.assert_close(sinusoidal(4, 4)[3], by_hand)
    assert sinusoidal(3, 5).shape == (3, 5)


# ---- generation


def greedy(model, ids, images, steps):
    """The definition: run everything again for each token and take the most likely word that is no image tag."""
    for _ in range(steps):
        logits = model(ids, images)[:, -1].detach().clone()
        logits[:, IMAGE] = -torch.inf
        ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=1)
    return ids


@families
@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("attend", ["last", "all_previous"])
def test_generation_with_cache_is_generation_without_token_for_token(family, every, attend):
    model = flamingo(language_model(family), gates=1.0, every=every, attend=attend)
    ids = text("3 < 5 6 < 7", "3 < 5 6 < 7", "3 < 5 6 7 8", "3 4 5 6 7 8")
    images = features(4, 2)
    expected = greedy(model, ids, images, 10)
    for use_cache in (True, False):
        assert torch.equal(model.generate(ids, images, max_new_tokens=10, use_cache=use_cache), expected)
    new = expected[:, ids.shape[1] :]
    assert not torch.equal(new[0], new[1])  # the same words about other images
    assert len(new.unique()) > 2  # a constant continuation would prove little
    for row in range(4):
        alone = model.generate(ids[row : row + 1], images[row : row + 1], max_new_tokens=10)
        assert torch.equal(alone[0], expected[row])


@pytest.mark.parametrize("use_cache", [True, False])
def test_generation_ends_at_eos_and_repeats_it_until_all_have_ended(use_cache):
    model, ids, images = (
        flamingo(language_model("gpt2"), gates=1.0),
        text("3 < 5", "< 8 9", "6 7 <"),
        features(3, 1),
    )
    free = model.generate(ids, images, max_new_tokens=12, use_cache=use_cache)[:, 3:].tolist()
    eos = free[0][2]
    ends = [row.index(eos) if eos in row else None for row in free]
    assert len(set(ends)) > 1  # they end at different steps, or some never
    out = model.generate(ids, images, max_new_tokens=12, eos_token_id=eos, use_cache=use_cache)[:, 3:]
    length = 12 if None in ends else max(ends) + 1
    expected = [
        row[:length] if e is None else (row[:e] + [eos] * length)[:length]
        for row, e in zip(free, ends, strict=True)
    ]
    assert out.tolist() == expected


def test_generation_stops_as_soon_as_all_have_ended():
    model, ids, images = flamingo(language_model("gpt2"), gates=1.0), text("3 < 5"), features(1, 1)
    free = model.generate(ids, images, max_new_tokens=12)[0, 3:].tolist()
    eos = free[2]
    out = model.generate(ids, images, max_new_tokens=12, eos_token_id=eos)[0, 3:].tolist()
    assert out == free[: free.index(eos) + 1]


@pytest.mark.parametrize("use_cache", [True, False])
def test_an_image_tag_is_never_generated_however_likely(use_cache):
    model, ids, images = flamingo(language_model("gpt2"), gates=1.0), text("3 < 5"), features(1, 1)
    expected = model.generate(ids, images, max_new_tokens=8, use_cache=use_cache)

    def prefer_tags(module, args, logits):
        return logits + 1e4 * (torch.arange(logits.shape[-1]) == IMAGE)

    model.lm.lm_head.register_forward_hook(prefer_tags)
    assert (model(ids, images).argmax(-1) == IMAGE).all()
    assert torch.equal(model.generate(ids, images, max_new_tokens=8, use_cache=use_cache), expected)


def test_generation_leaves_its_inputs_as_they_were():
    model, ids, images = flamingo(language_model("gpt2"), gates=1.0), text("3 < 5"), features(1, 1)
    ids_before, images_before = ids.clone(), images.clone()
    out = model.generate(ids, images, max_new_tokens=3)
    assert torch.equal(out[:, :3], ids_before)
    assert torch.equal(ids, ids_before)
    assert torch.equal(images, images_before)


@families
def test_bfloat16_follows_float32(family):
    model, ids, images = flamingo(language_model(family), gates=0.5), text(*TEXT), features(2, 2)
    expected = model(ids, images)
    out = model.bfloat16()(ids, images.bfloat16())
    assert out.dtype == torch.bfloat16
    assert (out.float() - expected).norm() < 0.05 * expected.norm()


def test_the_tower_of_these_tests_would_show_a_missing_freeze():
    tower, pixels = Tower().train(), torch.randn(2, 3, 8, 8)
    assert not torch.equal(tower(pixels), tower(pixels))
