"""Weights as text that a script unpacks: twelve bits a number, two characters, or nine where that will do.

A row of a matrix is stored as whole numbers, up to 2047 in size with twelve bits, and one factor. On the zoo's
small CLIP, cosines from such weights are as near to the full model's as those of half precision, in less than
three quarters of the space. Chapter: 02_contrastive.
"""

from jaxtyping import Float
from torch import Tensor, nn

from vlm_lib.models.clip import ContrastiveModel

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BITS = 12
# The vision tower's MLPs are a third of all weights, and nine bits in one of them move a cosine by at most 4e-4.
FEWER_BITS, COARSE = 9, ("visual.transformer", ".mlp.", ".weight")


def pack(weight: Float[Tensor, "..."], bits: int = BITS) -> dict[str, object]:
    """`shape`; a factor for each row (one for a vector) in whole multiples of `unit`; the numbers of all rows.

    A number of row r stands for number * factor[r] * unit. `numbers` have `bits` each, `factors` twelve.
    """
    largest, largest_factor = (2 ** (b - 1) - 1 for b in (bits, BITS))
    rows = weight.detach().double().cpu().reshape(len(weight) if weight.ndim > 1 else 1, -1)
    steps = rows.abs().amax(dim=1) / largest
    unit = float(f"{max(steps.max().item(), 1e-30) / largest_factor:.9e}")
    factors = (steps / unit).ceil().clamp(1, largest_factor)  # rounded up, so that the largest number still fits
    numbers = (rows / (factors * unit)[:, None]).round().clamp(-largest, largest)
    written = {"factors": digits(factors, BITS), "numbers": digits(numbers, bits)}
    return {"shape": list(weight.shape), "unit": unit, "bits": bits} | written


def digits(numbers: Float[Tensor, "..."], bits: int) -> str:
    """Whole numbers n as n + 2^(bits - 1), one after the other, six bits to a digit."""
    stream = "".join(f"{n:0{bits}b}" for n in (numbers.flatten().long() + 2 ** (bits - 1)).tolist())
    stream += "0" * (-len(stream) % 6)
    return "".join(DIGITS[int(stream[i : i + 6], 2)] for i in range(0, len(stream), 6))


def folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of the one convolution that does what both do in eval mode."""
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    return convolution.weight * factor[:, None, None, None], norm.bias - norm.running_mean * factor


def packed_clip(model: ContrastiveModel, words: list[str]) -> dict[str, object]:
    """Everything a script needs to run `model` on these words: `weights` by open_clip's names, and the geometry.

    The stem's batch norms are folded into its convolutions. `token_embedding.weight` keeps the rows of `words`,
    in their order, and of <eos>, which comes last. Raises: ValueError for a word that the tokenizer lacks.
    """
    vocabulary = model.tokenizer.get_vocab()
    lacking = [word for word in words if word not in vocabulary]
    if lacking:
        raise ValueError(f"words: got {lacking}, expected words of the model's tokenizer")
    clip = model.clip
    rows = [*(vocabulary[word] for word in words), model.tokenizer.eos_token_id]
    weights = {name: value for name, value in clip.named_parameters() if "conv1" not in name}
    weights["token_embedding.weight"] = clip.token_embedding.weight[rows]
    del weights["logit_scale"]
    stem = []
    layers = list(clip.visual.conv1)
    for i, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            last = i == len(layers) - 1
            weight, bias = (layer.weight, layer.bias) if last else folded(layer, layers[i + 1])
            weights |= {f"visual.conv1.{i}.weight": weight, f"visual.conv1.{i}.bias": bias}
            stem.append({"name": f"visual.conv1.{i}", "stride": layer.stride[0], "padding": layer.padding[0]})
    return {
        "weights": {
            name: pack(weight, FEWER_BITS if all(part in name for part in COARSE) else BITS)
            for name, weight in weights.items()
        },
        "stem": stem,
        "heads": clip.transformer.resblocks[0].attn.num_heads,
        "layers": {"visual.": len(clip.visual.transformer.resblocks), "": len(clip.transformer.resblocks)},
        "words": words,
        "context": clip.context_length,
    }
