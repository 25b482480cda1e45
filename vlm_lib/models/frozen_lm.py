"""What a fusion model asks of a causal LM that somebody else trained: its layers, its cache, a way in between.

New blocks read the stream of the text before a layer runs. The way in is one hook for each layer, set once and
for good; what it does is decided call by call, by the thread that makes the call. So two models may share an LM,
several threads may share a model, and an LM that is called by itself is the LM it always was.
Chapter: 34_flamingo.
"""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType

from torch import Tensor, nn
from transformers import PreTrainedModel

Action = Callable[
    [Tensor], Tensor
]  # the stream of the text [batch seq dim], before a layer -> what the layer gets

# of this thread (or task) and of the call that it is in: layer -> what happens before it
_actions: ContextVar[Mapping[nn.Module, Action]] = ContextVar("actions", default=MappingProxyType({}))


def decoder_layers(lm: PreTrainedModel) -> nn.ModuleList:
    """The stack of layers of a GPT-2-like or Llama-like causal LM. Raises: ValueError for any other."""
    body = lm.base_model
    for name in ("h", "layers"):
        if isinstance(getattr(body, name, None), nn.ModuleList):
            return getattr(body, name)
    raise ValueError(f"lm is a {type(lm).__name__} whose layers stand under neither 'h' nor 'layers'")


def open_layers(lm: PreTrainedModel) -> None:
    """Give every layer the hook through which `before_layers` acts; it does nothing outside it."""
    for layer in decoder_layers(lm):
        if _act not in layer._forward_pre_hooks.values():
            layer.register_forward_pre_hook(_act)


@contextlib.contextmanager
def before_layers(actions: Mapping[nn.Module, Action]) -> Iterator[None]:
    """Within this block each layer of `actions` gets what its action makes of its input.

    In this thread only: what other threads call is not touched.
    """
    token = _actions.set(actions)
    try:
        yield
    finally:
        _actions.reset(token)


def _act(layer: nn.Module, inputs: tuple) -> tuple:
    action = _actions.get().get(layer)
    return inputs if action is None else (action(inputs[0]), *inputs[1:])


def cache_argument(lm: PreTrainedModel) -> str:
    """The name under which `lm` takes its cache: transformers 5 renamed "past_key_values" to "cache"."""
    return "cache" if "cache" in inspect.signature(lm.forward).parameters else "past_key_values"


def require_positions(lm: PreTrainedModel, tokens: int, argument: str) -> None:
    """Refuse a text longer than the LM has positions for. Raises: ValueError that names `argument`."""
    positions = getattr(lm.config, "max_position_embeddings", None)
    if positions is not None and tokens > positions:
        raise ValueError(f"{argument}: a text of {tokens} tokens, expected at most the LM's {positions} positions")
