"""Several people at one tiny model."""

import threading
from collections.abc import Callable, Sequence

from assistant.encoding import MoleculeEncoding
from assistant.errors import AssistantError
from assistant.llm.continuous import ContinuousEngine
from assistant.llm.load import LoadedLLM
from assistant.llm.requests import Done, Engine, Request
from assistant.llm.sampling import Sampling
from assistant.llm.splice import Spliced
from tests.llm.fakes import prompt_of, spliced_of

N_MOLECULES = 8


def ask(
    engine: Engine,
    spliced: Spliced,
    *,
    visitor: str = "me",
    **sampling: object,
) -> Done:
    *_, done = engine.stream(Request(spliced, Sampling(**sampling), visitor=visitor))
    assert isinstance(done, Done)
    return done


def together(jobs: Sequence[Callable[[], object]]) -> list[object]:
    """Runs each job in a thread of its own and gives what they returned or raised."""
    results: list[object] = [None] * len(jobs)

    def run(index: int) -> None:
        try:
            results[index] = jobs[index]()
        except (LookupError, AssistantError) as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=3600)
        assert not thread.is_alive()
    return results


def questions(llm: LoadedLLM, encodings: dict[int, MoleculeEncoding]) -> list[Spliced]:
    """One per molecule, of different lengths."""
    return [
        spliced_of(llm, encodings, prompt_of(((n,), "acid? " * n, None)))
        for n in range(1, N_MOLECULES + 1)
    ]


def has_slots_free(engine: ContinuousEngine) -> bool:
    return not engine._queue._started and not engine._queue._waiting
