"""Memory of training, against counts made by hand."""

import torch
from torch import nn

from vlm_lib.training.memory import activation_bytes, measured_memory, mixed_precision_memory


def two_layers(*, first=True, second=True, device="cpu"):
    model = nn.Sequential(nn.Linear(10, 20, bias=False), nn.ReLU(), nn.Linear(20, 5, bias=False)).to(device)
    model[0].requires_grad_(first)
    model[2].requires_grad_(second)
    return model


def test_weights_gradients_and_optimizer_are_counted_by_what_is_trained():
    inputs, model = torch.randn(7, 10), two_layers(first=False)
    memory = measured_memory(model, lambda: model(inputs).sum())
    assert memory.weights == 4 * (200 + 100)
    assert memory.gradients == 4 * 100
    assert memory.optimizer == 2 * 4 * 100 + 4  # two means, and the count of steps
    assert memory.total == memory.weights + memory.gradients + memory.optimizer + memory.activations


def test_activations_of_a_trained_layer_are_its_input():
    inputs, model = torch.randn(7, 10), two_layers()
    # the first layer's input, and the ReLU's output, which is the second layer's input
    assert activation_bytes(lambda: model(inputs).sum(), model) == 4 * 7 * (10 + 20)


def test_a_frozen_layer_in_front_keeps_nothing_and_one_behind_lets_the_gradient_through():
    inputs = torch.randn(7, 10)
    behind, front = two_layers(second=False), two_layers(first=False)
    assert activation_bytes(lambda: behind(inputs).sum(), behind) == 4 * 7 * (10 + 20)  # the ReLU needs its output
    assert activation_bytes(lambda: front(inputs).sum(), front) == 4 * 7 * 20
    neither = two_layers(first=False, second=False)
    assert activation_bytes(lambda: neither(inputs).sum(), neither) == 0


def test_the_meta_device_counts_the_same():
    inputs, model = torch.randn(7, 10), two_layers()
    real = activation_bytes(lambda: model(inputs).sum(), model)
    shapes, empty = inputs.to("meta"), two_layers(device="meta")
    assert activation_bytes(lambda: empty(shapes).sum(), empty) == real


def test_mixed_precision_costs_sixteen_bytes_trained_and_two_frozen():
    memory = mixed_precision_memory(two_layers(first=False), activations=11)
    assert memory.total == 2 * 200 + 16 * 100 + 11
