"""How a language model's chances become a text: the likeliest token at each step, or the likeliest few texts kept.

Chapter: 22_clipcap.
"""

from vlm_lib.decoding.beam import Beam, beam_search
from vlm_lib.decoding.greedy import greedy

__all__ = ["Beam", "beam_search", "greedy"]
