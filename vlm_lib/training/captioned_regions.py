"""How a VisualBERT reads captions with their regions, and the loss of its pretraining. Chapter: 11_visualbert."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from vlm_lib.data.captioned_regions import CaptionedRegions
from vlm_lib.models.visualbert import PARTS
from vlm_lib.models.visualbert_heads import VisualBertForPretraining, pretraining_loss


def read(
    model: VisualBertForPretraining,
    data: CaptionedRegions,
    *,
    parts: Sequence[str] = PARTS,
    image: bool = True,
) -> tuple[Float[Tensor, "n positions vocab"], Float[Tensor, "n 2"]]:
    """The logits of words and of the match. `parts`: those of a region that are added; `image=False` hides it."""
    regions = data.regions if image else None
    return model(data.input_ids, regions, segments=data.segments, text_mask=data.text_mask, parts=parts)


def region_loss(model: VisualBertForPretraining, data: CaptionedRegions, **how) -> Float[Tensor, ""]:
    """Masked words, and the match where there are two captions, in nats; `how` as in `read`."""
    words, match = read(model, data, **how)
    return pretraining_loss(words, data.labels, match if data.match is not None else None, data.match)
