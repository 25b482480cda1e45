"""Vision towers as the fusion models read them: pixels in, one token for each patch out. Chapter: 34_flamingo."""

from jaxtyping import Float
from torch import Tensor, nn


class PatchTokens(nn.Module):
    """The patch tokens of an open_clip vision tower, after its last layer and final norm, before pooling.

    Pixels are floats, normalised and sized as the tower expects; its weights are shared, not copied.
    """

    def __init__(self, visual: nn.Module):
        super().__init__()
        self.visual = visual

    def forward(self, pixels: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n tokens width"]:
        out = self.visual.forward_intermediates(
            pixels, indices=1, normalize_intermediates=True, intermediates_only=True
        )
        return out["image_intermediates"][-1].flatten(2).transpose(1, 2)
