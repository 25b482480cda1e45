"""Flamingo from parts that others trained: an open_clip vision tower and any causal LM with its own tokenizer.

The classes are those of the toy; only sizes and weights differ. Chapter: 34_flamingo, "At full scale".
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from vlm_lib.data.documents import Documents, interleaved
from vlm_lib.data.tokenizer import BOS, EOC, IMAGE, PAD
from vlm_lib.losses import caption_loss
from vlm_lib.models.flamingo import Flamingo
from vlm_lib.models.towers import PatchTokens
from vlm_lib.training import History, fit


def flamingo_from(
    visual: nn.Module, lm: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, **options
) -> Flamingo:
    """Join a tower and an LM. `tokenizer` learns the tags <bos> <image> <eoc> <pad>, `lm` gets rows for them.

    `options` are those of `Flamingo`. Raises: ValueError for a slow tokenizer, or as `Flamingo` does.
    """
    if not tokenizer.is_fast:
        raise ValueError(f"tokenizer: got the slow {type(tokenizer).__name__}, expected a fast one")
    tokenizer.add_tokens([BOS, IMAGE, EOC, PAD], special_tokens=True)
    tokenizer.pad_token = PAD
    if len(tokenizer) > lm.config.vocab_size:
        lm.resize_token_embeddings(len(tokenizer))
    height, width = visual.image_size
    with torch.no_grad():
        tower = PatchTokens(visual)
        media_dim = tower(torch.zeros(1, 3, height, width, device=next(visual.parameters()).device)).shape[-1]
    image = tokenizer.convert_tokens_to_ids(IMAGE)
    return Flamingo(tower, lm, media_dim=media_dim, image_token_id=image, **options)


def pixels(images: UInt8[Tensor, "*n 3 h w"], size: tuple[int, int]) -> Float[Tensor, "*n 3 height width"]:
    """Resize (bicubic) and normalise as OpenAI's and most of open_clip's towers expect it."""
    flat = images.flatten(0, -4).float() / 255
    flat = F.interpolate(flat, size=size, mode="bicubic", antialias=True).clamp(0, 1)
    mean, std = (
        torch.tensor(x, device=flat.device)[:, None, None] for x in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)
    )
    return ((flat - mean) / std).unflatten(0, images.shape[:-3])


def _on_device(model: Flamingo, documents: Documents, index: Tensor) -> dict[str, Tensor]:
    device = model.resampler.latents.device
    part = documents[index.numpy()]
    images = pixels(part.images.to(device), model.vision.visual.image_size)
    masks = {"loss_mask": part.loss_mask.to(device), "answer_mask": part.answer_mask.to(device)}
    return {"ids": part.input_ids.to(device), "features": model.encode_images(images), **masks}


def train_on_scenes(
    model: Flamingo, tokenizer: PreTrainedTokenizerFast, *, documents: int, steps: int, batch: int, seed: int = 0
) -> History:
    """Train the new parts on documents of three scenes with short captions."""
    data = interleaved(documents, seed, images_per_document=3, tokenizer=tokenizer, caption="short")

    def batches(step: int) -> dict[str, Tensor]:
        chosen = torch.randint(documents, (batch,), generator=torch.Generator().manual_seed(seed * 100_000 + step))
        return _on_device(model, data, chosen)

    def loss(model: Flamingo, part: dict[str, Tensor]) -> Tensor:
        targets = part["ids"].masked_fill(~part["loss_mask"], -100)
        return caption_loss(model(part["ids"], part["features"])[:, :-1], targets[:, 1:])

    warmup = min(20, steps - 1)
    return fit(model, batches, loss, steps=steps, lr=1e-3, warmup=warmup, seed=seed, progress="Flamingo")


@torch.no_grad()
def accuracy_on_scenes(
    model: Flamingo, tokenizer: PreTrainedTokenizerFast, *, images: int, documents: int, seed: int = 77
) -> float:
    """Share of the tokens of colour and shape words that are predicted right, in documents of `images` scenes."""
    data = interleaved(documents, seed, images_per_document=images, tokenizer=tokenizer, caption="short")
    right = total = 0
    for index in torch.arange(documents).split(32):
        part = _on_device(model, data, index)
        answer = part["answer_mask"][:, 1:]
        predicted = model(part["ids"], part["features"])[:, :-1].argmax(dim=-1)
        right += int((predicted == part["ids"][:, 1:])[answer].sum())
        total += int(answer.sum())
    return right / total
