"""MAGiC: an LM's next token re-ranked by confidence, a penalty on repetition, and CLIP's taste for the image.

Nothing is trained. The plain search is here, one candidate at a time, as the formula says it; `magic_search` has
the same tokens in a fraction of the time. With beta 0 it is contrastive search (Su et al. 2022, arXiv 2202.06417),
with alpha 0 as well it is greedy decoding. Source: Su et al. 2022 (arXiv 2205.02655) and its released code, whose
cosine is multiplied by CLIP's learned scale before the softmax; the printed formula has no scale. Chapter:
41_magic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from vlm_lib.checks import check_at_least

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Weights:
    """What the search is set to: k candidates, alpha on the penalty, beta on CLIP's term, scale = 1 / temperature.

    Raises: ValueError for k < 1, alpha outside 0 .. 1, or a beta or scale that is negative or not finite.
    """

    k: int
    alpha: float = 0.0
    beta: float = 0.0
    scale: float = 1.0

    def __post_init__(self):
        check_at_least("k", self.k, 1)
        for name, most in (("alpha", 1.0), ("beta", math.inf), ("scale", math.inf)):
            value = getattr(self, name)
            if not math.isfinite(value) or not 0 <= value <= most:
                raise ValueError(f"{name}: got {value}, expected a finite number from 0 to {most}")


@dataclass(frozen=True)
class Step:
    """One step of one text: its k candidates, the LM's likeliest first, the three terms, and which was taken.

    confidence: the LM's probability, over the whole vocabulary. penalty: the greatest cosine of a candidate's last
    hidden state with one of the text before it; 0 where alpha is 0 and nobody asked. cosine: of image and text so
    far with the candidate, before scale and softmax; 0 where beta is 0.
    """

    candidates: Int[Tensor, " k"]
    confidence: Float[Tensor, " k"]
    penalty: Float[Tensor, " k"]
    cosine: Float[Tensor, " k"]
    chosen: int


def degeneration_penalty(
    candidates: Float[Tensor, "*n k dim"], context: Float[Tensor, "*n t dim"]
) -> Float[Tensor, "*n k"]:
    """The greatest cosine of each candidate's state with one of the text so far."""
    candidates, context = F.normalize(candidates, dim=-1), F.normalize(context, dim=-1)
    return (candidates @ context.transpose(-1, -2)).amax(dim=-1)


def clip_term(cosine: Float[Tensor, "*n k"], scale: float) -> Float[Tensor, "*n k"]:
    """CLIP's preference among the k candidates: a softmax, so it sums to 1."""
    return (scale * cosine).softmax(dim=-1)


def magic_score(
    confidence: Float[Tensor, "*n k"],
    penalty: Float[Tensor, "*n k"],
    cosine: Float[Tensor, "*n k"],
    weights: Weights,
) -> Float[Tensor, "*n k"]:
    """(1 - alpha) confidence - alpha penalty + beta CLIP's term: the largest is taken."""
    contrastive = (1 - weights.alpha) * confidence - weights.alpha * penalty
    return contrastive + weights.beta * clip_term(cosine, weights.scale)


@torch.no_grad()
def magic_plain(
    lm: PreTrainedModel,
    prompt: Int[Tensor, " length"],
    cosine: Callable[[Tokens], float],
    weights: Weights,
    *,
    eos: int,
    max_tokens: int,
) -> tuple[list[int], list[Step]]:
    """The search as the formula says it: every candidate is read with the text, by the LM and by CLIP, on its own.

    cosine: of the image with the text that these tokens, without the prompt, decode to. Returns the tokens up to
    `eos`, which is left out, and the steps. Raises: ValueError for max_tokens < 1, and as `Weights`.
    """
    text: list[int] = []
    steps: list[Step] = []
    for _ in range(check_at_least("max_tokens", max_tokens, 1)):
        ids = torch.cat([prompt, prompt.new_tensor(text)])
        context, logits = read(lm, ids)
        confidence, candidates = logits.softmax(dim=-1).topk(weights.k)
        after = [read(lm, torch.cat([ids, token[None]]))[0][-1] for token in candidates]
        penalty = degeneration_penalty(torch.stack(after), context)
        cosines = [cosine((*text, token)) for token in candidates.tolist()]
        cosines = confidence.new_tensor(cosines)
        best = int(magic_score(confidence, penalty, cosines, weights).argmax())
        steps.append(Step(candidates, confidence, penalty, cosines, best))
        if int(candidates[best]) == eos:
            break
        text.append(int(candidates[best]))
    return text, steps


def read(lm: PreTrainedModel, ids: Int[Tensor, " length"]) -> tuple[Float[Tensor, "length dim"], Tensor]:
    """The last layer's state at every token, and the logits after the last one."""
    output = lm(input_ids=ids[None], output_hidden_states=True, use_cache=False)
    return output.hidden_states[-1][0], output.logits[0, -1]


class Guide:
    """The cosine of images with texts, each different text encoded once and kept.

    features: unit vectors of the images. encode_text: texts to unit vectors. decode: tokens to the text that CLIP
    reads; where a token ends the text, to the text before it.
    """

    def __init__(
        self,
        features: Float[Tensor, "n dim"],
        encode_text: Callable[[Sequence[str]], Float[Tensor, "m dim"]],
        decode: Callable[[Tokens], str],
    ):
        self.features, self.encode_text, self.decode = features, encode_text, decode
        self.known: dict[str, Float[Tensor, " dim"]] = {}

    def of(self, rows: Sequence[int]) -> Guide:
        """The same for some of the images, in this order; what was encoded stays known to both."""
        guide = Guide(self.features[list(rows)], self.encode_text, self.decode)
        guide.known = self.known
        return guide

    def cosine(self, row: int, tokens: Tokens) -> float:
        """Of one image with one text."""
        return float(self.cosines([row], [[tokens]])[0, 0])

    def cosines(self, rows: Sequence[int], texts: Sequence[Sequence[Tokens]]) -> Float[Tensor, "rows k"]:
        """Of the image `rows[i]` with each of the texts `texts[i]`; as many texts for each.

        An empty text, such as one that ends before it begins, describes nothing: its cosine is -1.
        """
        said = [[self.decode(tokens) for tokens in each] for each in texts]
        new = sorted({text for each in said for text in each} - self.known.keys())
        if new:
            self.known.update(zip(new, self.encode_text(new), strict=True))
        vectors = torch.stack([torch.stack([self.known[text] for text in each]) for each in said])
        empty = torch.tensor([[text == "" for text in each] for each in said], device=vectors.device)
        return (vectors @ self.features[list(rows), :, None])[..., 0].masked_fill(empty, -1.0)
