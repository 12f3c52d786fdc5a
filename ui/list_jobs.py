"""The work behind a list: facts in the chemistry workers, one question asked of each molecule.

Both run in threads of their own, write into the table and end when it is closed; asking also ends
on request and goes on later with what is still open.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished
from assistant.chat.reply import ReplyOptions
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, QueueFullError
from ui.handle import Replying
from ui.list_table import Answer, ListTable, Question
from ui.molecules import Chemistry
from ui.runs import APOLOGY

BATCH = 8
BATCH_SECONDS = 4.0
AT_ONCE = 4
MAX_TOKENS = 256
WAIT_SECONDS = 0.5
DRAWING = {"width": 132, "height": 84}
logger = logging.getLogger(__name__)


def start_facts(table: ListTable, chemistry: Chemistry) -> threading.Thread:
    """Computes the facts of every row in the background."""
    table.computing = True
    return _start("list-facts", lambda: compute_facts(table, chemistry))


def compute_facts(table: ListTable, chemistry: Chemistry) -> None:
    """Row by row in small batches; a molecule that takes too long costs only its own row."""
    try:
        for start in range(0, len(table.rows), BATCH):
            batch = list(range(start, min(start + BATCH, len(table.rows))))
            for index, found in zip(batch, _facts_of(table, batch, chemistry), strict=True):
                table.set_facts(index, found)
            if table.closed.is_set():
                return
    finally:
        table.computing = False


def _facts_of(table: ListTable, batch: list[int], chemistry: Chemistry) -> list[dict[str, object]]:
    smiles = [table.rows[i].smiles for i in batch]
    while not table.closed.is_set():
        try:
            return chemistry.call("rows", seconds=BATCH_SECONDS, smiles=smiles, **DRAWING)["rows"]
        except QueueFullError:
            continue  # other people's molecules; it waited already
        except AssistantError as error:
            if len(batch) == 1:
                return [{"error": str(error)}]
            return [_facts_of(table, [i], chemistry)[0] for i in batch]
    return [{"error": "The list was closed."} for _ in batch]


def start_asking(
    table: ListTable, question: Question, assistant: Replying, visitor: str
) -> threading.Thread:
    """Asks a question that `table.ask` began of every row that is still open, in the background."""
    return _start("list-asking", lambda: ask_all(table, question, assistant, visitor))


def ask_all(table: ListTable, question: Question, assistant: Replying, visitor: str) -> None:
    """A few rows at once, so that the engine can put them into one batch."""
    try:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="list-answer") as executor:
            running: dict[Future[Answer | None], int] = {
                executor.submit(answer_row, table, index, question.text, assistant, visitor): index
                for index in question.open_rows
            }
            for done in as_completed(running):
                answer = _outcome(done)
                if answer is not None:
                    table.set_answer(question, running[done], answer)
    finally:
        with table.lock:
            table.asking = False


def answer_row(
    table: ListTable, index: int, text: str, assistant: Replying, visitor: str
) -> Answer | None:
    """The answer about one molecule; None when it was cancelled."""
    row = table.rows[index]
    molecule = Molecule(row.smiles, row.name or None)
    conversation, number = Conversation().with_molecule(molecule)
    conversation = conversation.with_message(Message("user", text, attached=(number,)))
    options = ReplyOptions(
        stop=table.stop_asking,
        visitor=visitor,
        max_new_tokens=MAX_TOKENS,
        second_thoughts=False,  # a row has no room for a first attempt, which must not be hidden
    )
    while not table.stop_asking.is_set():
        try:
            for event in assistant.reply(conversation, options=options):
                if isinstance(event, Finished):
                    message = event.message
                    if message.stopped:
                        return None
                    return Answer(message.text, message.checks)
        except QueueFullError:
            time.sleep(WAIT_SECONDS)
    return None


def _outcome(done: "Future[Answer | None]") -> Answer | None:
    problem = done.exception()
    if problem is None:
        return done.result()
    if not isinstance(problem, AssistantError):
        logger.error("answering about a row failed", exc_info=problem)
        return Answer(problem=APOLOGY)
    return Answer(problem=str(problem))


def _start(name: str, work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread
