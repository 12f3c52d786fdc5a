"""A decode step captured as a CUDA graph, and what all such graphs of the process share."""

import functools
import importlib.util

import torch
from torch import Tensor

from assistant.llm.graphed.step import StaticStep

Result = tuple[Tensor, Tensor, Tensor]
"""Logits (b, vocabulary), the highest (b,) and its token (b,), by place in the batch."""

_WARM_UPS, _TIMED = 2, 5


@functools.cache
def _pool() -> tuple[int, int]:
    """Memory that all graphs share: only one runs at a time, and its result is used before."""
    return torch.cuda.graph_pool_handle()


@functools.cache
def _stream() -> "torch.cuda.Stream":
    """Where steps are warmed up and captured; the same for all of them.

    cuBLAS keeps memory (32 MiB on a Hopper GPU) for every stream it was used in, for good.
    """
    return torch.cuda.Stream()


def capture_errors() -> tuple[type[Exception], ...]:
    """What compiling, capturing and replaying can raise."""
    known = (RuntimeError, ValueError, TypeError, AttributeError, LookupError, AssertionError)
    if importlib.util.find_spec("triton") is None:
        return known
    from triton.errors import TritonError

    return (*known, TritonError)


class Graph:
    """A captured step.

    Attributes:
        step: What was captured.
        name: What computes.
        ms: Of one replay, once it was timed.
    """

    def __init__(self, step: StaticStep, name: str) -> None:
        self.step = step
        self.name = name
        self.ms = float("inf")
        self._graph = torch.cuda.CUDAGraph()
        stream = _stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):  # compiles the kernels
                step.run()
        torch.cuda.current_stream().wait_stream(stream)
        with (
            torch.cuda.stream(torch.cuda.current_stream()),  # comes back also when it fails
            # Other threads may allocate meanwhile; only this one must do nothing else.
            torch.cuda.graph(
                self._graph, pool=_pool(), stream=stream, capture_error_mode="thread_local"
            ),
        ):
            self.result: Result = step.run()

    def replay(self) -> Result:
        """One step; its values stay valid until the next one."""
        self._graph.replay()
        return self.result

    def time(self) -> None:
        """Measures a replay, in ms."""
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self.replay()
        begin.record()
        for _ in range(_TIMED):
            self.replay()
        end.record()
        end.synchronize()
        self.ms = begin.elapsed_time(end) / _TIMED
