"""A training step of a small dual encoder in bfloat16 as `training.fit` runs it, against eager float32.

4 + 4 layers of width 128, 64 patches and 16 text tokens, batch 64: the size of the book's own models. Autocast as
it is usually written stands beside it: on CPU its gain is lost in the backward pass of fused bfloat16 attention.
The step ran at 0.07 to 0.74 times the speed of float32 on two processors, one of them with bfloat16 instructions;
without them they are emulated, and the row's setting says so. The limit is float32's: what a step would gain if
all its products ran as fast as a plain float32 one.
"""

from collections.abc import Iterator

import open_clip
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from vlm_lib.bench.harness import Candidate, Comparison, Work
from vlm_lib.losses import contrastive_loss
from vlm_lib.training import fit
from vlm_lib.training.seeds import seed_everything

WIDTH, LAYERS, IMAGE, PATCH, TEXT, VOCABULARY = 128, 4, 64, 8, 16, 512
BATCH, QUICK_BATCH = 64, 4
STEPS = 3  # a call: what `fit` prepares once is shared among them


def emulated(device: torch.device) -> bool:
    """Whether bfloat16 products are emulated: a CPU without the instructions."""
    return device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported()


def dual_encoder(device: torch.device) -> open_clip.CLIP:
    """The same weights each time."""
    seed_everything(0)
    vision = {"layers": LAYERS, "width": WIDTH, "head_width": 32, "patch_size": PATCH, "image_size": IMAGE}
    text = {"layers": LAYERS, "width": WIDTH, "heads": 4, "context_length": TEXT, "vocab_size": VOCABULARY}
    return open_clip.CLIP(embed_dim=WIDTH, vision_cfg=vision, text_cfg=text).to(device)


def batch_of(size: int, device: torch.device, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random images and texts: what they show does not change what a step costs."""
    seed_everything(seed)
    images = torch.randn(size, 3, IMAGE, IMAGE)
    return images.to(device), torch.randint(1, VOCABULARY, (size, TEXT)).to(device)


def clip_loss(model: open_clip.CLIP, batch: tuple[Tensor, Tensor]) -> Tensor:
    """CLIP's loss of one batch."""
    return contrastive_loss(*model(*batch))


def autocast_loss(model: open_clip.CLIP, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The same under plain bfloat16 autocast."""
    with torch.autocast(batch[0].device.type, dtype=torch.bfloat16):
        return clip_loss(model, batch)


def operations_of_a_step(model: open_clip.CLIP, batch: tuple[Tensor, Tensor]) -> int:
    """Operations of the products, forward and backward; the optimiser's are few beside them."""
    with FlopCounterMode(display=False) as counter:
        clip_loss(model, batch).backward()
    return counter.get_total_flops()


def comparisons(quick: bool, device: torch.device) -> Iterator[Comparison]:
    """One comparison; a phase is `STEPS` steps with their optimiser."""
    size = QUICK_BATCH if quick else BATCH
    note = " (bfloat16 emulated)" if emulated(device) else ""
    batch, phase = batch_of(size, device), f"{STEPS} steps"
    work = Work(STEPS * operations_of_a_step(dual_encoder(device), batch))

    def candidate(name, loss, precision):
        model = dual_encoder(device)
        settings = {"steps": STEPS, "lr": 1e-4, "schedule": "constant", "precision": precision}
        return Candidate(name, {phase: lambda: fit(model, lambda step: batch, loss, **settings)}, {phase: work})

    yield Comparison(
        "training",
        f"{LAYERS}+{LAYERS} x {WIDTH}, batch {size}{note}",
        [candidate("bfloat16", clip_loss, "bfloat16")],
        [
            candidate("float32", clip_loss, "float32"),
            candidate("bf16 autocast alone", autocast_loss, "float32"),
        ],
        repeats=3,
    )
