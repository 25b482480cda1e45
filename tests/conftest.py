"""What every test shares: one thread, one seed, and property tests that draw the same examples each time."""

import hypothesis
import pytest
import torch

pytest.register_assert_rewrite("sheet_class")
torch.set_num_threads(1)
hypothesis.settings.register_profile("vlm", deadline=None, derandomize=True, max_examples=30)
hypothesis.settings.load_profile("vlm")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)
