"""SmolLM2 with a memory: what it said to a prompt is kept in the zoo's cache, since it says the same every time.

On one core a question costs it tens of milliseconds and a sampled text more, so a chapter's measurement is dear
once and cheap afterwards. Chapter: 43_socratic_models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cached_property

from jaxtyping import Float
from torch import Tensor

from vlm_lib.cache import cache_dir
from vlm_lib.prompting import completions
from vlm_lib.training.threads import one_thread
from vlm_lib.zoo.pretrained import GGUF, PretrainedLm, smollm2
from vlm_lib.zoo.store import cached

VERSION = 1  # raised when `completions` comes to say something else to the same prompts


class KeptLm:
    """SmolLM2-135M-Instruct, loaded when it is first asked something that it was never asked before."""

    @cached_property
    def lm(self) -> PretrainedLm:
        """Raises: WeightsUnavailable, as `zoo.smollm2`."""
        return smollm2()

    def log_probs(self, prompts: Sequence[str], answers: Sequence[str]) -> Float[Tensor, "n answers"]:
        """`completions.log_probs`, kept. Raises: as that."""

        def ask() -> Tensor:
            return completions.log_probs(self.lm.model, self.lm.tokenizer, prompts, answers)

        return self._kept(["log_probs", list(prompts), list(answers)], ask)

    def choose(self, prompts: Sequence[str], answers: Sequence[str]) -> list[str]:
        """The likeliest answer of the closed list for each prompt. Raises: as `log_probs`."""
        return [answers[i] for i in self.log_probs(prompts, answers).argmax(dim=1).tolist()]

    def write(
        self, prompts: Sequence[str], *, max_tokens: int, count: int = 1, temperature: float = 0.0, seed: int = 0
    ) -> list[list[str]]:
        """`completions.write`, kept, as texts: `count` for each prompt. Raises: as that."""
        how = {"max_tokens": max_tokens, "count": count, "temperature": temperature, "seed": seed}

        def ask() -> Tensor:
            return completions.write(self.lm.model, self.lm.tokenizer, prompts, **how)

        ids = self._kept(["write", list(prompts), how], ask)
        return [self.lm.tokenizer.batch_decode(texts, skip_special_tokens=True) for texts in ids]

    def _kept(self, asked: list, ask: Callable[[], Tensor]) -> Tensor:
        source = GGUF.sha256 if GGUF.version() else "hub"
        key = hashlib.sha256(json.dumps([VERSION, source, asked]).encode()).hexdigest()[:16]

        def build(_):
            with one_thread():
                return {"said": ask()}, {}

        return cached(cache_dir() / "zoo" / f"smollm2-said-{key}.safetensors", build)[0]["said"]
