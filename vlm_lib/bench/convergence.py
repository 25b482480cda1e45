"""Does a training in bfloat16 end where the float32 one ends? Both train the same small CLIP on scenes.

Per seed, weights, batches and schedule are the same; only `training.fit`'s precision differs. What the two arms
differ by is to be read against what the seeds of one arm differ by.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import torch

from vlm_lib.bench.training import emulated
from vlm_lib.training import fit
from vlm_lib.training.precision import PRECISIONS
from vlm_lib.zoo.clip import ClipRecipe, build_clip, clip_batches, clip_loss
from vlm_lib.zoo.clip_worlds import measure_scenes, scene_pairs

SEEDS = (0, 1, 2)
LAST = 10  # the loss of a run is the mean over so many last steps


@dataclass(frozen=True)
class Run:
    """One training: the mean loss of its last steps, and how often the nearest of 256 texts is the image's own."""

    precision: str
    seed: int
    loss: float
    recall: float


def recipe(seed: int, quick: bool, device: torch.device) -> ClipRecipe:
    """A CLIP of 4 + 4 layers and width 128; narrower where bfloat16 is emulated, many times slower."""
    sizes = {"width": 128, "text_width": 128, "layers": 4, "text_layers": 4}
    if quick or emulated(device):
        sizes = {"width": 48, "text_width": 48, "layers": 2, "text_layers": 2}
    steps, batch = (3, 8) if quick else (200, 64)
    return ClipRecipe("scenes", seed=seed, steps=steps, batch=batch, examples=16 * batch, **sizes)


def train(chosen: ClipRecipe, precision: str, device: torch.device) -> Run:
    """One run of a recipe, and what became of it."""
    model = build_clip(chosen).to(device)
    history = fit(
        model,
        clip_batches(scene_pairs(chosen.examples, chosen.seed), chosen, model),
        clip_loss,
        steps=chosen.steps,
        lr=chosen.lr,
        warmup=min(chosen.warmup, chosen.steps - 1),
        seed=chosen.seed,
        precision=precision,
        progress=f"{precision}, seed {chosen.seed}",
    )
    model.eval()
    with torch.no_grad():
        quality = measure_scenes(model)
    last = history.loss[-LAST:]
    return Run(precision, chosen.seed, sum(last) / len(last), quality["R@1 text"])


def runs(quick: bool, device: torch.device) -> Iterator[Run]:
    """Every precision with every seed."""
    for seed in SEEDS:
        for precision in PRECISIONS:
            yield train(recipe(seed, quick, device), precision, device)


def report(quick: bool, device: torch.device) -> dict:
    """Train, print a line a run, and return the set-up with all runs."""
    chosen = recipe(0, quick, device)
    print(f"\nconvergence: {chosen.layers}+{chosen.text_layers} x {chosen.width}, batch {chosen.batch}, "
          f"{chosen.steps} steps\n{'seed':>4} {'precision':<10} {'loss':>8} {'R@1':>6}")  # fmt: skip
    done = []
    for run in runs(quick, device):
        print(f"{run.seed:>4} {run.precision:<10} {run.loss:>8.4f} {run.recall:>6.3f}", flush=True)
        done.append(asdict(run))
    return {"recipe": asdict(chosen), "runs": done}
