"""A Flamingo of pretrained parts, trained and judged on documents of scenes. Chapter: 34_flamingo."""

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from vlm_lib.data.documents import Documents, interleaved
from vlm_lib.evaluation.pages import attributes_right
from vlm_lib.models.flamingo import Flamingo
from vlm_lib.models.flamingo_open_clip import pixels
from vlm_lib.training import History, fit
from vlm_lib.training.pages import text_loss
from vlm_lib.training.seeds import step_generator


def logits_on(model: Flamingo, documents: Documents) -> Tensor:
    """Pixels to logits: at this scale features are too large to keep beside the documents."""
    device = model.resampler.latents.device
    images = pixels(documents.images.to(device), model.vision.visual.image_size)
    return model(documents.input_ids.to(device), model.encode_images(images))


def train_on_scenes(
    model: Flamingo, tokenizer: PreTrainedTokenizerFast, *, documents: int, steps: int, batch: int, seed: int = 0
) -> History:
    """Train the new parts on documents of three scenes with short captions."""
    data = interleaved(documents, seed, images_per_document=3, tokenizer=tokenizer, caption="short")

    def batches(step: int) -> Documents:
        return data[torch.randint(documents, (batch,), generator=step_generator(seed, step)).numpy()]

    return fit(
        model,
        batches,
        lambda model, part: text_loss(logits_on(model, part), part),
        steps=steps,
        lr=1e-3,
        warmup=0.1,
        seed=seed,
        progress="Flamingo",
    )


@torch.no_grad()
def accuracy_on_scenes(
    model: Flamingo, tokenizer: PreTrainedTokenizerFast, *, images: int, documents: int, seed: int = 77
) -> float:
    """Share of the tokens of colour and shape words that are predicted right, in documents of `images` scenes."""
    data = interleaved(documents, seed, images_per_document=images, tokenizer=tokenizer, caption="short")
    parts = [data[index.numpy()] for index in torch.arange(documents).split(32)]
    right = torch.cat([attributes_right(logits_on(model, part), part) for part in parts])
    return right.float().mean().item()
