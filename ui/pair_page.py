"""The Pair tab: two molecules with roles, the number of a pair model head, a sweep over a list."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import gradio as gr

from assistant.chat.conversation import PairQuestion
from assistant.chat.prompts import pair_question
from assistant.chat.reply import PAIRS
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import PAIR_TASKS
from assistant.errors import AssistantError, ModelNotReadyError
from ui.events import EventHandlers, Payload, Services, key_of, payload_of
from ui.molecules import inspect_smiles, molecule_of
from ui.pair_heads import PairHeads
from ui.pair_state import PairState, PairStore, Sweep, SweptRow
from ui.pair_sweep import partners_of, sweep_value, to_pair_csv, work_off
from ui.pair_view import answer_html, off_html, slot_html
from ui.pair_words import ROLES, TITLES, name_of
from ui.parts import LASTING, MANY, file_value, part
from ui.transcript import Drawings

if TYPE_CHECKING:
    from assistant.pairing.figures import TaskFigures
    from assistant.pairing.predictor import PairPredictor

N_BESIDE = 5
WAIT_SECONDS = 0.4
LOADING_SECONDS = 120.0
EVENTS = ("open", "choose", "fill", "take", "clear", "swap", "sweep", "cancel", "save", "talk")


def pair_part() -> gr.HTML:
    """The panel."""
    return part("pair", events=EVENTS)


def connect(app: gr.Blocks, panel: gr.HTML, composer: gr.HTML, handlers: "PairHandlers") -> None:
    """Which event goes where; those that last stream, the others answer at once."""
    # of its own: as many sweeps as may run must not keep the tab closed for everybody else
    opening = {**LASTING, "concurrency_id": "pair-open", "concurrency_limit": 16}
    sweeping = {**LASTING, "concurrency_id": "pair-sweep", "concurrency_limit": 8}
    panel.open(handlers.opened, None, panel, **opening)
    panel.sweep(handlers.sweep, None, panel, **sweeping)
    panel.choose(handlers.choose, None, panel, **MANY)
    panel.fill(handlers.fill, None, panel, **MANY)
    panel.take(handlers.take, None, panel, **opening)
    panel.clear(handlers.clear, None, panel, **MANY)
    panel.swap(handlers.swap, None, panel, **MANY)
    panel.cancel(handlers.cancel, None, panel, **MANY)
    panel.save(handlers.save, None, panel, **MANY)
    panel.talk(handlers.talk, None, composer, **MANY)
    app.unload(handlers.closed)


class PairHandlers(EventHandlers):
    """What the Pair tab does; a value is the whole panel, or `only` a named piece of it.

    The page counts the values of each piece by itself: a sweep goes on while slots are filled.
    """

    def __init__(
        self, services: Services, heads: PairHeads, store: PairStore | None = None
    ) -> None:
        super().__init__(services)
        self.states = store or PairStore()
        self._heads = heads
        self._drawings = Drawings(services.chemistry)

    # -- the pair ----------------------------------------------------------------------------

    def opened(self, request: gr.Request) -> Iterator[dict[str, object]]:
        """The tab is shown; the heads are read when this is the first time."""
        state = self.states.ensure(key_of(request))
        yield from self._until_read()
        yield self._value(state, request)

    def _until_read(self) -> Iterator[dict[str, object]]:
        """That the heads are still read, if they are; it ends when they are there."""
        if not self._heads.wait(WAIT_SECONDS):
            yield {"rev": self._views.rev(), "only": "loading", "loading": True}
            self._heads.wait(LOADING_SECONDS)

    def choose(self, event: gr.EventData, request: gr.Request) -> dict[str, object]:
        """Another task; the molecules stay in their slots."""
        name = str(payload_of(event).get("task"))

        def change(state: PairState) -> None:
            if name in PAIR_TASKS:
                state.task = PAIR_TASKS[name]

        return self._change(request, change)

    def fill(self, event: gr.EventData, request: gr.Request) -> dict[str, object]:
        """A slot gets a molecule: by text, or by its number in the chat (0: the drawing)."""
        data = payload_of(event)
        slot = _slot(data)

        def change(state: PairState) -> None:
            number = data.get("number")
            if isinstance(number, int):
                molecule = self._numbered(number, request)
            else:
                molecule = self._read(str(data.get("text") or ""))
            state.slots[slot] = molecule

        return self._change(request, change, slot=slot)

    def take(self, event: gr.EventData, request: gr.Request) -> Iterator[dict[str, object]]:
        """A molecule from elsewhere on the page comes into the first free slot, or the second."""
        text = str(payload_of(event).get("text") or "")

        def change(state: PairState) -> str:
            molecule = molecule_of(inspect_smiles(self._chemistry, text))
            slot, before = state.take(molecule)
            role = ROLES[state.task.roles[slot]].lower()
            instead = "" if before is None else f" in place of {name_of(before)}"
            return f"{name_of(molecule)} is the {role}{instead}."

        yield from self._until_read()
        yield self._change(request, change)

    def clear(self, event: gr.EventData, request: gr.Request) -> dict[str, object]:
        """A slot is emptied."""
        slot = _slot(payload_of(event))

        def change(state: PairState) -> None:
            state.slots[slot] = None

        return self._change(request, change)

    def swap(self, request: gr.Request) -> dict[str, object]:
        """The two molecules change places."""
        return self._change(request, lambda state: state.slots.reverse())

    def talk(self, request: gr.Request) -> object:
        """Both molecules are put on the next question in the conversation, with its words."""
        state = self.states.ensure(key_of(request))
        with state.lock:
            pair, task = state.pair, state.task
        if pair is None:
            return gr.skip()
        with self._store.locked(*key_of(request)) as session:
            conversation, numbers = session.conversation, []
            for molecule in pair:
                conversation, number = conversation.with_molecule(molecule)
                numbers.append(number)
            session.keep_molecules(conversation)
            if session.current is not None and session.current.molecule not in pair:
                session.use_current = False
            session.chosen = set(numbers)
            question = pair_question(PairQuestion(numbers[0], numbers[1], task.name))
            return self._views.composer(session, question=question)

    # -- a sweep -----------------------------------------------------------------------------

    def sweep(self, event: gr.EventData, request: gr.Request) -> Iterator[dict[str, object]]:
        """One molecule against a list, row by row; it ends with the stream that shows it."""
        data, state = payload_of(event), self.states.ensure(key_of(request))
        try:
            predictor, sweep = self._new_sweep(data, state, request)
        except AssistantError as error:
            yield self._problem(error)
            return
        threading.Thread(
            target=work_off, args=(sweep, predictor), name="pair-sweep", daemon=True
        ).start()
        try:
            was_running = sweep.running
            yield {"problem": "", **self._value(state, request, with_sweep=True)}
            while was_running and state.sweep is sweep:
                time.sleep(WAIT_SECONDS)
                was_running = sweep.running
                yield {"rev": self._views.rev(), "only": "sweep", "sweep": self._table(sweep)}
        finally:
            sweep.stop.set()

    def _new_sweep(
        self, data: Payload, state: PairState, request: gr.Request
    ) -> tuple["PairPredictor", Sweep]:
        vary = 0 if data.get("vary") == 0 else 1
        predictor = self._predictor(state)
        with state.lock:
            fixed = state.slots[1 - vary]
        if fixed is None:
            role = ROLES[state.task.roles[1 - vary]].lower()
            raise AssistantError(f"Fill the slot of the {role} first: it is the one that stays.")
        text = str(data.get("text") or "")
        with self._store.locked(*key_of(request)) as session:
            numbered = [entry.molecule for entry in session.conversation.molecules]
        found, problems = partners_of(str(data.get("list")), text, numbered, self._chemistry)
        partners = [m for m in dict.fromkeys(found) if m.smiles != fixed.smiles]
        if not partners:
            raise AssistantError("The list has no other molecule than the one that stays.")
        rows = [SweptRow(molecule) for molecule in partners]
        sweep = Sweep(state.task, fixed, vary, rows, problems)
        self.states.begin(key_of(request), sweep)
        return predictor, sweep

    def cancel(self, request: gr.Request) -> dict[str, object]:
        """The sweep ends; what is there stays."""
        state = self.states.ensure(key_of(request))
        state.end_sweep()
        return {"problem": "", **self._value(state, request, with_sweep=True)}

    def save(self, event: gr.EventData, request: gr.Request) -> dict[str, object]:
        """The table as CSV, in the order of the page."""
        state = self.states.ensure(key_of(request))
        sweep = state.sweep
        if sweep is None:
            return self._problem(AssistantError("There is no table yet. Sweep a list first."))
        given = payload_of(event).get("rows")
        order = [i for i in given if isinstance(i, int)] if isinstance(given, list) else []
        order = [i for i in dict.fromkeys(order) if 0 <= i < len(sweep.rows)]
        text = "\ufeff" + to_pair_csv(sweep, self._figures(sweep), order or range(len(sweep.rows)))
        name = f"{datetime.now():%Y-%m-%d}-{sweep.task.name}-sweep.csv"
        file = file_value(name, "text/csv", text)
        return {"rev": self._views.rev(), "only": "file", "file": file}

    def closed(self, request: gr.Request) -> None:
        """The tab is gone, or its network for a moment: its sweep ends, what it holds stays."""
        self.states.end(key_of(request))

    # -- helpers -----------------------------------------------------------------------------

    def _change(
        self,
        request: gr.Request,
        change: Callable[[PairState], str | None],
        *,
        slot: int | None = None,
    ) -> dict[str, object]:
        """The panel after a change, which may return what to say of it."""
        state = self.states.ensure(key_of(request))
        with state.lock:
            try:
                said = change(state) or ""
            except AssistantError as error:
                return self._problem(error, at=slot)
        return {"problem": "", "said": said, **self._value(state, request)}

    def _problem(self, error: AssistantError, **more: object) -> dict[str, object]:
        return {**super()._problem(error, **more), "only": "problem"}

    def _read(self, text: str) -> Molecule:
        if not text.strip():
            raise AssistantError("Type a SMILES, a name, an InChI or a CAS number.")
        found = self._chemistry.call("inspect", text=text)
        if not found.get("smiles") or found.get("reaction"):
            raise AssistantError("This is a reaction; a slot takes one molecule.")
        if (n := len(found.get("recognised") or ())) > 1:
            raise AssistantError(f"These are {n} molecules; a slot takes one.")
        return molecule_of(found)

    def _numbered(self, number: int, request: gr.Request) -> Molecule:
        with self._store.locked(*key_of(request)) as session:
            if number:
                return session.conversation.molecule(number).molecule
            if session.current is None:
                raise AssistantError("There is no drawing yet. Draw a molecule, or type it here.")
            return session.current.molecule

    def _predictor(self, state: PairState) -> "PairPredictor":
        bench = self._heads.get()
        if state.task.name not in bench.predictors:
            raise AssistantError(f"{TITLES[state.task.name]} is off; the reason stands above.")
        return bench.predictors[state.task.name]

    def _value(
        self, state: PairState, request: gr.Request, *, with_sweep: bool = False
    ) -> dict[str, object]:
        """The panel; `problem` is there only where it has one, and ends what was said before."""
        try:
            bench = self._heads.get()
        except AssistantError as error:
            return self._problem(error)
        rev = self._views.rev()  # taken first: what is read later is never older than it says
        with state.lock:
            task, slots, pair, sweep = state.task, list(state.slots), state.pair, state.sweep
        off = bench.off.get(task.name)
        value: dict[str, object] = {
            "rev": rev,
            "tasks": [
                {"name": name, "title": title, "on": name in bench.predictors}
                for name, title in TITLES.items()
            ],
            "task": task.name,
            "symmetric": task.is_symmetric,
            "roles": [ROLES[role] for role in task.roles],
            "off": "" if off is None else off_html(task, off),
            "slots": [slot_html(molecule, self._drawings) for molecule in slots],
            "names": ["" if molecule is None else name_of(molecule) for molecule in slots],
            "numbers": self._numbers(request),
            "talk": self._reads_pairs(),
            "answer": "",
        }
        if off is None and pair is not None:
            try:
                value["answer"] = self._answer(bench.predictors[task.name], state, pair)
            except AssistantError as error:
                value["problem"] = str(error)
        if with_sweep and sweep is not None:
            value["sweep"] = self._table(sweep)
        return value

    def _reads_pairs(self) -> bool:
        """Whether the language model can be asked about a pair: it is there and has its tokens."""
        try:
            status = self._handle.get().status()
        except ModelNotReadyError:
            return False
        return any(adapter.name == PAIRS and adapter.on for adapter in status.adapters)

    def _table(self, sweep: Sweep) -> dict[str, object]:
        return sweep_value(sweep, self._figures(sweep))

    def _figures(self, sweep: Sweep) -> "TaskFigures":
        return self._heads.get().predictors[sweep.task.name].figures.tasks[sweep.task.name]

    def _answer(
        self, predictor: "PairPredictor", state: PairState, pair: tuple[Molecule, Molecule]
    ) -> str:
        task = state.task
        judged = predictor.judged(*pair, task.name)
        turned = predictor.values(pair[1], pair[0])[task.name] if task.is_symmetric else None
        near = predictor.beside(*pair, task.name, N_BESIDE)
        return answer_html(judged, predictor, near, pair, self._drawings, turned=turned)

    def _numbers(self, request: gr.Request) -> list[dict[str, object]]:
        """What a slot can be filled with from the conversation; 0 is the drawing."""
        with self._store.locked(*key_of(request)) as session:
            found: list[dict[str, object]] = [
                {"n": entry.number, "name": name_of(entry.molecule)}
                for entry in session.conversation.molecules
            ]
            if session.current is not None and session.current_number is None:
                found.append({"n": 0, "name": name_of(session.current.molecule)})
        return found


def _slot(data: Payload) -> int:
    return 1 if data.get("slot") == 1 else 0
