"""Fifty steps in bfloat16 against float32, from the same weights over the same batches: losses and seconds."""

import itertools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.bench import training
from vlm_lib.losses import caption_loss
from vlm_lib.models.flamingo import Flamingo
from vlm_lib.training import History, fit
from vlm_lib.training.precision import PRECISIONS
from vlm_lib.training.seeds import seed_everything

STEPS = {"cuda": 50, "cpu": 6}
BATCHES, LAST = 4, 4  # the batches come round, so that the loss falls although they are random
VOCABULARY, IMAGE_TAG = 512, 511
FLAMINGO = {
    "width": 256,
    "layers": 4,
    "heads": 4,
    "seq": 128,
    "images": 4,
    "patches": 49,
    "media": 192,
    "batch": 16,
}
SMALL_FLAMINGO = FLAMINGO | {
    "width": 32,
    "layers": 2,
    "seq": 16,
    "images": 2,
    "patches": 9,
    "media": 16,
    "batch": 2,
}
APART = 0.05  # how far the last losses of the two may differ, as a share of the first one

Setup = tuple[nn.Module, Callable, list]


def flamingo(small: bool, device: torch.device) -> Setup:
    """A Flamingo over random features, its language model trained too: a random one has nothing to keep frozen."""
    sizes = SMALL_FLAMINGO if small else FLAMINGO
    seed_everything(0)
    config = GPT2Config(vocab_size=VOCABULARY, n_positions=sizes["seq"], n_embd=sizes["width"],
                        n_layer=sizes["layers"], n_head=sizes["heads"], resid_pdrop=0.0, embd_pdrop=0.0,
                        attn_pdrop=0.0, bos_token_id=0, eos_token_id=0)  # fmt: skip
    model = Flamingo(nn.Identity(), GPT2LMHeadModel(config), media_dim=sizes["media"], image_token_id=IMAGE_TAG,
                     num_latents=16, resampler_depth=1, heads=4, head_dim=32)  # fmt: skip
    model.lm.requires_grad_(True)
    ids = torch.randint(1, IMAGE_TAG, (BATCHES, sizes["batch"], sizes["seq"]))
    ids[:, :, torch.arange(sizes["images"]) * sizes["seq"] // sizes["images"]] = IMAGE_TAG
    shape = BATCHES, sizes["batch"], sizes["images"], sizes["patches"], sizes["media"]
    batches = list(zip(ids.to(device), torch.randn(shape).to(device), strict=True))

    def loss(model: Flamingo, batch: tuple[Tensor, Tensor]) -> Tensor:
        tokens, features = batch
        return caption_loss(model(tokens, features)[:, :-1], tokens[:, 1:])

    return model.to(device), loss, batches


def clip(small: bool, device: torch.device) -> Setup:
    """The bench's dual encoder."""
    batches = [training.batch_of(4 if small else 64, device, seed=number) for number in range(BATCHES)]
    return training.dual_encoder(device), training.clip_loss, batches


def run(subject: str, device: torch.device) -> Iterator[dict]:
    """A finding a precision with its loss at every step, and one that says whether the two agree."""
    histories, steps = {}, STEPS[device.type]
    build, small = {"flamingo": flamingo, "clip": clip}[subject], device.type == "cpu"

    def train(precision: str, steps: int) -> History:
        model, loss, batches = build(small, device)
        turn = itertools.cycle(batches)
        return fit(model, lambda step: next(turn), loss, steps=steps, lr=5e-4, warmup=2, precision=precision)

    for precision in PRECISIONS:
        train(precision, 3)  # kernels are chosen and loaded before the clock starts
        history = train(precision, steps)
        histories[precision] = history.loss
        yield {"precision": precision, "seconds": history.seconds, "loss": history.loss, "steps": steps}
    full, half = (sum(histories[precision][-LAST:]) / LAST for precision in PRECISIONS)
    first = histories["float32"][0]
    yield {"check": "bfloat16 ends where float32 ends", "passed": abs(half - full) <= APART * first,
           "size": abs(half - full) / first, "allowed": APART,
           "first": first, "float32": full, "bfloat16": half}  # fmt: skip
    if device.type == "cuda":
        yield {
            "check": "the loss falls",
            "passed": max(full, half) < 0.9 * first,
            "size": full / first,
            "allowed": 0.9,
        }
