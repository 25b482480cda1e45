"""What every test shares: one thread, one seed, a browser for each file that asks, the same random examples."""

import hypothesis
import pytest
import torch
from helpers.chromium import chromium

torch.set_num_threads(1)
hypothesis.settings.register_profile("vlm", deadline=None, derandomize=True, max_examples=30)
hypothesis.settings.load_profile("vlm")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, or the reason why there is none."""
    with chromium() as browser:
        yield browser
