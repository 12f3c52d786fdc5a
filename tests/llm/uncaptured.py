"""Decode steps as the graphs run them, but uncaptured, so that a processor can."""

from assistant.llm.graphed.capture import GraphedDecoder
from assistant.llm.graphed.step import TorchOps


class Uncaptured:
    """A graph that runs its step anew."""

    def __init__(self, step, name):
        self.step, self.name, self.ms, self.n_replays = step, name, 0.0, 0

    def replay(self):
        self.n_replays += 1
        return self.step.run()

    def time(self):
        pass


class UncapturedDecoder(GraphedDecoder):
    def __init__(self, model, forward):
        super().__init__(model, forward, capture=Uncaptured)

    def _candidates(self, n_rows):
        yield TorchOps(self._shape, self._layers)


def make_uncaptured(model, forward, *, products):
    """In place of `capture.make_decoder`."""
    return UncapturedDecoder(model, forward)
