"""Training: the loop, its state on disk, the arithmetic it runs in, several datasets at once, and seeds.

`training.seeds` and `training.progress` stand below everything else: data may use them too. Chapters: 01_worlds,
34_flamingo.
"""

from vlm_lib.training.checkpoint import History
from vlm_lib.training.fit import Weighted, fit, weighted_gradients
from vlm_lib.training.mixing import Mixture

__all__ = ["History", "Mixture", "Weighted", "fit", "weighted_gradients"]
