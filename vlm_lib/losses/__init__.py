"""Training losses: contrastive (CLIP), sigmoid (SigLIP) and captioning; each is one function whatever the device.

Chapter: 02_contrastive, and every chapter that trains a captioner.
"""

from vlm_lib.losses.caption import caption_loss
from vlm_lib.losses.contrastive import clip_loss, contrastive_loss
from vlm_lib.losses.sigmoid import sigmoid_loss

__all__ = ["caption_loss", "clip_loss", "contrastive_loss", "sigmoid_loss"]
