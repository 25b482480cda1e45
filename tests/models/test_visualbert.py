"""VisualBERT against transformers' with the same weights, against its definition, and under changed input."""

import pytest
import torch
from torch import nn
from transformers import VisualBertConfig, VisualBertForPreTraining

from vlm_lib.data.regions import Regions
from vlm_lib.models.visualbert import PARTS, VisualBert, VisualBertEmbeddings
from vlm_lib.models.visualbert_heads import VisualBertForPretraining, pretraining_loss
from vlm_lib.models.visualbert_transformers import from_transformers

VOCAB, REGION_DIM, DIM, SEQ, REGIONS = 30, 5, 16, 6, 4
TEXT = torch.tensor([[True] * 6, [True] * 4 + [False] * 2, [True] * 6])
THERE = torch.tensor([[True] * 4, [True] * 4, [True] * 2 + [False] * 2])
SEGMENTS = torch.tensor([[0, 0, 0, 1, 1, 1]]).expand(3, -1)
WORDS = torch.tensor([[[1, 2, 3], [3, -1, -1], [4, 2, -1], [5, 0, -1]]]).expand(3, -1, -1)


def public(**options):
    """transformers' model with weights large enough for differences to show."""
    sizes = {"vocab_size": VOCAB, "hidden_size": DIM, "visual_embedding_dim": REGION_DIM, "intermediate_size": 32}
    sizes |= {"num_hidden_layers": 3, "num_attention_heads": 2, "max_position_embeddings": 12}
    return VisualBertForPreTraining(VisualBertConfig(**sizes, initializer_range=0.3, **options)).eval()


def encoder(**options):
    sizes = {"layers": 3, "heads": 2, "ff_mult": 2, "max_text": 12, "init_std": 1.0}
    return VisualBert(VOCAB, REGION_DIM, DIM, **sizes, **options).eval()


@pytest.fixture
def ids():
    return torch.randint(1, VOCAB, (3, SEQ))


@pytest.fixture
def regions():
    return Regions(torch.randn(3, REGIONS, REGION_DIM))


@pytest.mark.parametrize("words", [None, WORDS])
def test_scores_and_loss_equal_those_of_transformers(ids, regions, words):
    theirs = public()
    labels = torch.tensor([[-100, 7, -100, 3, -100, -100], [2, -100, -100, -100, -100, -100], [-100] * 5 + [9]])
    match = torch.tensor([0, 1, 1])
    expected = theirs(
        input_ids=ids,
        attention_mask=TEXT.long(),
        token_type_ids=SEGMENTS,
        visual_embeds=regions.features,
        visual_attention_mask=THERE.float(),
        image_text_alignment=words,
        labels=torch.cat([labels, torch.full((3, REGIONS), -100)], dim=1),
        sentence_image_labels=match,
    )
    told = Regions(regions.features, words=words, mask=THERE)
    scores, matches = from_transformers(theirs)(ids, told, segments=SEGMENTS, text_mask=TEXT)
    there = torch.cat([TEXT, THERE], dim=1)
    torch.testing.assert_close(scores[there], expected.prediction_logits[there], atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(matches, expected.seq_relationship_logits, atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(pretraining_loss(scores, labels, matches, match), expected.loss, atol=0, rtol=1e-5)


def test_hidden_states_equal_those_of_transformers_without_any_mask(ids, regions):
    theirs = public()
    expected = theirs.visual_bert(input_ids=ids, visual_embeds=regions.features)
    ours = from_transformers(theirs)
    hidden = ours.body(ids, regions)
    torch.testing.assert_close(hidden, expected.last_hidden_state, atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(ours.pooler(hidden[:, 0]), expected.pooler_output, atol=2e-5, rtol=1e-5)


def test_text_alone_is_bert(ids):
    theirs = public()
    expected = theirs.visual_bert(input_ids=ids, attention_mask=TEXT.long()).last_hidden_state
    ours = from_transformers(theirs).body(ids, text_mask=TEXT)
    torch.testing.assert_close(ours[TEXT], expected[TEXT], atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("changed", [{"hidden_act": "relu"}, {"bypass_transformer": True}])
def test_weights_of_another_architecture_are_refused(changed):
    with pytest.raises(ValueError, match="^theirs has hidden_act=.*expected 'gelu' and False"):
        from_transformers(public(**changed))


def test_the_paper_sums_aligned_positions_and_the_code_averages_them():
    summed, averaged = (VisualBertEmbeddings(VOCAB, REGION_DIM, DIM, 12, align=align) for align in ("sum", "mean"))
    averaged.load_state_dict(summed.state_dict())
    told = Regions(torch.randn(1, 3, REGION_DIM), words=torch.tensor([[[1, 2, 4], [3, -1, -1], [-1, -1, -1]]]))
    row, table = summed.region_position.weight[0], summed.position.weight
    three, one, none = summed.of_regions(told)["f_p"][0]
    torch.testing.assert_close(three, table[1] + table[2] + table[4] + row)
    torch.testing.assert_close(one, table[3] + row)
    torch.testing.assert_close(none, row)
    mean, _, _ = averaged.of_regions(told)["f_p"][0]
    torch.testing.assert_close(mean, (table[1] + table[2] + table[4]) / 3 + row)


def test_a_region_is_the_norm_of_the_sum_of_the_parts_that_are_on(ids, regions):
    embeddings = encoder(places=3).embeddings
    told = Regions(regions.features, places=torch.tensor([[2, 0, 1, 2]]).expand(3, -1))
    f_o = regions.features @ embeddings.region.weight.T + embeddings.region.bias
    of = {"f_o": f_o, "f_s": embeddings.region_segment.expand_as(f_o)}
    of["f_p"] = embeddings.region_position.weight[told.places]
    for parts in (PARTS, ("f_o", "f_p"), ("f_s",), ()):
        total = sum((of[part] for part in parts), torch.zeros_like(f_o))
        expected = nn.functional.layer_norm(total, (DIM,), eps=1e-12)
        torch.testing.assert_close(embeddings(ids, told, parts=parts)[:, SEQ:], expected)


def test_f_s_and_a_constant_f_p_fold_into_the_bias(ids, regions):
    body = encoder()
    expected = body(ids, regions)
    with torch.no_grad():
        body.embeddings.region.bias += body.embeddings.region_segment + body.embeddings.region_position.weight[0]
    torch.testing.assert_close(body(ids, regions, parts=("f_o",)), expected, atol=1e-4, rtol=1e-4)
    assert (body(ids, regions, parts=("f_s",)) - expected).abs().max() > 0.1


@pytest.mark.parametrize("fusion", ["early", "late"])
def test_words_do_not_depend_on_the_order_of_regions_but_on_their_content_and_place(ids, regions, fusion):
    body, order = encoder(places=4, fusion=fusion), torch.tensor([2, 0, 3, 1])
    placed = Regions(regions.features, places=torch.arange(4).expand(3, -1))
    words = body(ids, placed)[:, :SEQ]
    together = Regions(placed.features[:, order], places=placed.places[:, order])
    torch.testing.assert_close(body(ids, together)[:, :SEQ], words, atol=1e-5, rtol=1e-5)
    for other in (Regions(placed.features, places=placed.places[:, order]), placed.of_others()):
        assert (body(ids, other)[:, :SEQ] - words).abs().max() > 0.05


@pytest.mark.parametrize("fusion", ["early", "late"])
def test_padding_of_words_and_regions_has_no_influence(ids, regions, fusion):
    body = encoder(fusion=fusion)
    there = torch.cat([TEXT, THERE], dim=1)
    expected = body(ids, Regions(regions.features, mask=THERE), text_mask=TEXT)[there]
    loud = regions.features.masked_fill(~THERE[..., None], 100.0)
    other = ids.masked_fill(~TEXT, 7)
    torch.testing.assert_close(body(other, Regions(loud, mask=THERE), text_mask=TEXT)[there], expected)


def test_late_fusion_is_a_text_model_and_one_layer_on_the_joined_sequence(ids, regions):
    body = encoder(fusion="late")
    words = body.embeddings(ids)
    for layer in body.layers[:-1]:
        words = layer(words)
    seen = body.embeddings(ids, regions)[:, SEQ:]
    torch.testing.assert_close(body(ids, regions), body.layers[-1](torch.cat([words, seen], dim=1)))
    early = encoder(fusion="early")
    early.load_state_dict(body.state_dict())
    assert (early(ids, regions) - body(ids, regions)).abs().max() > 0.05


def test_every_parameter_learns_from_both_objectives(ids, regions):
    model = VisualBertForPretraining(encoder(places=2))
    told = Regions(regions.features, places=torch.tensor([[0, 1, 1, 0]]).expand(3, -1), words=WORDS)
    scores, matches = model(ids, told, segments=SEGMENTS)
    pretraining_loss(scores, ids, matches, torch.tensor([0, 1, 0])).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_loss_is_the_mean_over_labelled_words_plus_the_match():
    scores, matches = torch.randn(2, 5, 7), torch.randn(2, 2)
    labels = torch.tensor([[-100, 3, -100], [2, -100, 0]])
    logs = scores.log_softmax(dim=-1)
    words = -(logs[0, 1, 3] + logs[1, 0, 2] + logs[1, 2, 0]) / 3
    torch.testing.assert_close(pretraining_loss(scores, labels), words)
    match = -(matches.log_softmax(dim=-1)[0, 1] + matches.log_softmax(dim=-1)[1, 0]) / 2
    torch.testing.assert_close(pretraining_loss(scores, labels, matches, torch.tensor([1, 0])), words + match)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda body, ids, r: body(ids[0], r), r"^input_ids has shape \[6\], expected \[batch seq\]"),
        (lambda body, ids, r: body(ids.repeat(1, 3), r), "^input_ids has 18 positions, expected at most 12"),
        (lambda body, ids, r: body(ids, Regions(r.features[..., :3])), r"^features has shape .*region_dim=5"),
        (lambda body, ids, r: body(ids, Regions(r.features * torch.nan)), "^features must be finite"),
        (lambda body, ids, r: body(ids, r, parts=("f_o", "f_x")), r"^parts holds {'f_x'}, expected some of"),
        (lambda body, ids, r: body(ids, r, text_mask=TEXT[:, :3]), r"^text_mask has shape \[3, 3\]"),
        (lambda body, ids, r: body(ids, Regions(r.features, mask=THERE[:, :2])), r"^mask has shape \[3, 2\]"),
        (lambda body, ids, r: body(ids, Regions(r.features, places=SEGMENTS)), r"^places has shape \[3, 6\]"),
        (lambda body, ids, r: encoder(fusion="middle"), "^fusion: got 'middle', expected one of"),
        (lambda body, ids, r: encoder(align="max"), "^align: got 'max', expected one of"),
        (
            lambda body, ids, r: pretraining_loss(torch.randn(3, 4, VOCAB), ids),
            "^word_labels has 6 positions, expected at most 4",
        ),
        (
            lambda body, ids, r: pretraining_loss(
                torch.randn(3, 6, VOCAB), ids, torch.randn(3, 2), TEXT[:2, 0].long()
            ),
            r"^match_labels has shape \[2\]",
        ),
    ],
)
def test_bad_input_is_refused_by_name(ids, regions, call, message):
    with pytest.raises(ValueError, match=message):
        call(encoder(), ids, regions)
