"""Last-image attention against a boolean mask and against the public einsum form, alone and inside its module.

A masked implementation multiplies every text position with every image; one that knows the rule, with one image.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from open_flamingo.src.helpers import MaskedCrossAttention as OpenFlamingoCrossAttention
from torch import Tensor, nn

from vlm_lib.attention import MaskedCrossAttention, last_image_attention
from vlm_lib.attention.masks import image_index, last_image_mask
from vlm_lib.bench.harness import BOTH, FORWARD, Candidate, Comparison, Work, differentiated
from vlm_lib.training.seeds import seed_everything

HEADS, HEAD_DIM, TOKENS = 8, 64, 64
WIDTH = INNER = HEADS * HEAD_DIM
SEQ, QUICK_SEQ = 2048, 128
IMAGES, QUICK_IMAGES = (1, 8, 32), (1, 4)


def document(images: int, seq: int, device: torch.device) -> Tensor:
    """A text of `seq` tokens with its images at equal distances, the first one at the start."""
    is_image = torch.zeros(1, seq, dtype=torch.bool, device=device)
    is_image[:, torch.arange(images, device=device) * seq // images] = True
    return is_image


def masked(q: Tensor, k: Tensor, v: Tensor, phi: Tensor) -> Tensor:
    """What a user of torch writes: the mask, and fused attention under it."""
    mask = last_image_mask(phi, k.shape[2], k.shape[3])
    return F.scaled_dot_product_attention(q, k.flatten(2, 3), v.flatten(2, 3), attn_mask=mask[:, None])


class MaskedSdpa(MaskedCrossAttention):
    """Our module with its attention replaced by `masked`."""

    def attend_to(self, x, key_value, phi):
        q = self.to_q(self.norm(x)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return self.to_out(masked(q, *key_value, phi).transpose(1, 2).flatten(2))


def open_flamingo_core() -> nn.Module:
    """open_flamingo's own code without its norm and projections: einsum, mask, softmax, einsum."""
    module = OpenFlamingoCrossAttention(dim=WIDTH, dim_visual=WIDTH, dim_head=HEAD_DIM, heads=HEADS)
    module.norm = module.to_q = module.to_kv = module.to_out = nn.Identity()
    return module


def core_work(
    seq: int, images: int, images_multiplied: int, batch: int = 1, dtype: torch.dtype = torch.float32
) -> dict[str, Work]:
    """Two products forward and four backward; queries, keys, values, the output and their gradients move."""
    product = 2.0 * batch * seq * images_multiplied * TOKENS * INNER
    text, media = (batch * dtype.itemsize * n * INNER for n in (seq, 2 * images * TOKENS))
    return {
        FORWARD: Work(2 * product, 2 * text + media, dtype),
        BOTH: Work(6 * product, 5 * text + 3 * media, dtype),
    }


def module_work(seq: int, images: int, images_multiplied: int) -> dict[str, Work]:
    """The core, and projections of query and output for the text, of key and value for the images."""
    projections = 2.0 * WIDTH * INNER * (2 * seq + 2 * images * TOKENS)
    core = core_work(seq, images, images_multiplied)
    return {
        phase: Work(work.operations + share * projections, work.traffic)
        for (phase, work), share in zip(core.items(), (1, 3), strict=True)
    }


def core_comparison(images: int, seq: int, device: torch.device) -> Comparison:
    """Queries, keys and values given, laid out as projections leave them."""
    seed_everything(0)
    is_image = document(images, seq, device)
    phi = image_index(is_image)
    leaves = [
        torch.randn(1, *axes, HEADS, HEAD_DIM, device=device).requires_grad_()
        for axes in ((seq,), (images, TOKENS), (images, TOKENS))
    ]
    upstream, theirs = torch.randn(1, seq, INNER, device=device), open_flamingo_core()

    def by_head(attention):
        def call():
            q, k, v = leaves
            heads_first = q.transpose(1, 2), k.permute(0, 3, 1, 2, 4), v.permute(0, 3, 1, 2, 4)
            return attention(*heads_first, phi).transpose(1, 2).flatten(2)

        return call

    def einsum():
        q, k, v = (leaf.flatten(-2) for leaf in leaves)
        return theirs(q, torch.cat([k, v], dim=-1), is_image)

    def candidate(name, call, multiplied):
        return Candidate(name, differentiated(call, leaves, upstream), core_work(seq, images, multiplied))

    return Comparison(
        "attention",
        f"core, {seq} x {images} images",
        [candidate("auto", by_head(last_image_attention), 1)],
        [candidate("SDPA, mask", by_head(masked), images), candidate("open_flamingo einsum", einsum, images)],
    )


def module_comparison(images: int, seq: int, device: torch.device) -> Comparison:
    """MaskedCrossAttention with the same weights, and gradients of inputs and weights."""
    seed_everything(0)
    is_image = document(images, seq, device)
    phi = image_index(is_image)
    x = torch.randn(1, seq, WIDTH, device=device).requires_grad_()
    media = torch.randn(1, images, TOKENS, WIDTH, device=device).requires_grad_()
    upstream = torch.randn(1, seq, WIDTH, device=device)
    ours, sdpa = (cls(WIDTH, WIDTH, HEADS, HEAD_DIM).to(device) for cls in (MaskedCrossAttention, MaskedSdpa))
    theirs = OpenFlamingoCrossAttention(dim=WIDTH, dim_visual=WIDTH, dim_head=HEAD_DIM, heads=HEADS).to(device)
    for module in (sdpa, theirs):
        module.load_state_dict(ours.state_dict())

    def candidate(name, module, call, multiplied):
        leaves = [x, media, *module.parameters()]
        return Candidate(name, differentiated(call, leaves, upstream), module_work(seq, images, multiplied))

    return Comparison(
        "attention",
        f"module {WIDTH}, {seq} x {images} images",
        [candidate("auto", ours, lambda: ours(x, media, phi), 1)],
        [
            candidate("SDPA, mask", sdpa, lambda: sdpa(x, media, phi), images),
            candidate("open_flamingo", theirs, lambda: theirs(x, media, is_image), images),
        ],
    )


def comparisons(quick: bool, device: torch.device) -> Iterator[Comparison]:
    """The core and the module for several numbers of images."""
    seq = QUICK_SEQ if quick else SEQ
    for images in QUICK_IMAGES if quick else IMAGES:
        yield core_comparison(images, seq, device)
        yield module_comparison(images, seq, device)
