"""The dialogue as the page shows it: one HTML block per turn, and the answer being written.

The whole dialogue is sent once; while an answer grows only its last words travel, because Gradio
sends the difference to the value before.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from assistant.chat.conversation import Conversation, Message
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from ui.molecules import Chemistry
from ui.passport import passport_html
from ui.render import (
    Figure,
    answer_html,
    badge,
    check_header,
    drawing,
    escape,
    glyph,
    live_parts,
    plain_html,
)
from ui.session import FailedTurn, Session
from ui.workbench import short

MAX_DRAWINGS = 512
FIGURE = {"width": 200, "height": 140}
CARD = {"width": 132, "height": 92}


class Drawings:
    """Small drawings by SMILES, made by the chemistry workers and kept."""

    def __init__(self, chemistry: Chemistry) -> None:
        self._chemistry = chemistry
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, int, int], str] = OrderedDict()

    def get(self, smiles: str, size: Mapping[str, int]) -> str:
        """The drawing, or an empty string for a structure that cannot be drawn in time."""
        key = (smiles, size["width"], size["height"])
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        try:
            svg = str(self._chemistry.call("draw", smiles=smiles, **size)["svg"])
        except AssistantError:
            return ""
        with self._lock:
            self._kept[key] = svg
            while len(self._kept) > MAX_DRAWINGS:
                self._kept.popitem(last=False)
        return svg


@dataclass(frozen=True)
class Live:
    """An answer being written: what is known so far, or why there is nothing yet."""

    turn: int
    text: str = ""
    status: str = ""
    notices: tuple[str, ...] = ()

    def to_value(self) -> dict[str, object]:
        """As the page's script takes it."""
        blocks, tail = live_parts(self.text)
        return {
            "turn": self.turn,
            "blocks": blocks,
            "tail": tail,
            "status": self.status,
            "notices": list(self.notices),
        }


@dataclass(frozen=True)
class TranscriptView:
    """Turns a session into the transcript's value."""

    drawings: Drawings
    welcome: Callable[[], str] = field(default=str)

    def value(self, session: Session, rev: int, live: Live | None = None) -> dict[str, object]:
        """All turns, the question under way and the answer so far."""
        turns = self._turns(session)
        return {
            "rev": rev,
            "turns": turns,
            "live": live.to_value() if live else None,
            "welcome": "" if turns else self.welcome(),
        }

    def _turns(self, session: Session) -> list[str]:
        conversation = session.conversation
        out: list[str] = []
        messages = conversation.messages
        position = 0
        while position < len(messages):
            question = messages[position]
            follows = messages[position + 1] if position + 1 < len(messages) else None
            answer = follows if follows and follows.role == "assistant" else None
            turn = len(out)
            is_last = position + (2 if answer else 1) >= len(messages) and session.failed is None
            body = self._question(question, turn, conversation, is_last)
            body += self._answer(answer, turn, session) if answer else ""
            out.append(body)
            position += 2 if answer else 1
        if session.failed is not None:
            out.append(self._failed(session.failed, len(out), conversation))
        return out

    def _question(
        self, question: Message, turn: int, conversation: Conversation, is_last: bool
    ) -> str:
        seen = conversation.questions[turn - 1].attached if turn else ()
        cards = "".join(self._card(n, conversation, drawn=n not in seen) for n in question.attached)
        undo = _action("undo", "undo", "take this question back", turn) if is_last else ""
        return (
            f'<div class="question"><div class="cards">{cards}</div>'
            f'<div class="words">{plain_html(question.text)}</div>'
            f'<div class="actions">{_action("edit", "edit", "change it and ask again", turn)}'
            f"{undo}</div></div>"
        )

    def _card(self, number: int, conversation: Conversation, *, drawn: bool) -> str:
        """A molecule of a question, drawn unless the question before was about it too."""
        entry = next((m for m in conversation.molecules if m.number == number), None)
        if entry is None:
            return ""
        name = entry.molecule.name or short(entry.molecule.smiles, 18)
        svg = self.drawings.get(entry.molecule.smiles, CARD) if drawn else ""
        picture = drawing(svg, f"molecule {number}") if svg else ""
        role = f"<small>{entry.role}</small>" if entry.role else ""
        return (
            f'<button type="button" class="card" data-act="load" translate="no"'
            f' data-smiles="{escape(entry.molecule.smiles)}"'
            f' title="{escape(entry.molecule.smiles)} — open in sketcher">'
            f"{picture}"
            f'<span class="caption">{badge(number)}<span class="label">{escape(name)}</span>'
            f"{role}</span></button>"
        )

    def _answer(self, answer: Message, turn: int, session: Session) -> str:
        figures = self._figures(answer, session)
        stopped = '<p class="stopped">■ stopped here</p>' if answer.stopped else ""
        vote = session.votes.get(answer.text)
        return (
            f'<div class="answer" translate="no">{check_header(answer.checks, turn)}'
            f'<div class="prose-answer">{answer_html(answer.text, answer.checks, figures)}</div>'
            f"{stopped}"
            f'<div class="actions">{_action("copy", "copy", "copy the answer", turn, answer.text)}'
            f"{_action('retry', 'retry', 'answer again', turn)}"
            f"{_vote('up', vote, turn)}{_vote('down', vote, turn)}"
            f"{passport_html(answer.passport)}</div></div>"
        )

    def _failed(self, failed: FailedTurn, turn: int, conversation: Conversation) -> str:
        tone = "stopped" if failed.stopped else "failed"
        return (
            f"{self._question(failed.question, turn, conversation, False)}"
            f'<div class="answer {tone}"><p>{escape(failed.reason)}</p><div class="actions">'
            f"{_action('retry', 'retry', 'ask again', turn)}</div></div>"
        )

    def _figures(self, answer: Message, session: Session) -> dict[str, Figure]:
        """A drawing for each valid structure of the answer, with the number it has or would get."""
        figures: dict[str, Figure] = {}
        following = session.conversation.next_number
        for check in answer.checks:
            if not check.smiles or check.smiles in figures:
                continue
            svg = self.drawings.get(check.smiles, FIGURE)
            if not svg:
                continue
            number = session.number_of(Molecule(check.smiles))
            figures[check.smiles] = Figure(
                check.smiles, svg, number or following, number is not None
            )
        return figures


def _action(act: str, label: str, tip: str, turn: int, copy: str = "") -> str:
    extra = f' data-copy="{escape(copy)}"' if copy else f' data-act="{act}"'
    return (
        f'<button type="button" class="action {act}" data-turn="{turn}"{extra}'
        f' data-tip="{escape(tip)}">{escape(label)}</button>'
    )


def _vote(direction: str, vote: str | None, turn: int) -> str:
    tip = "good answer" if direction == "up" else "bad answer"
    pressed = "true" if vote == direction else "false"
    return (
        f'<button type="button" class="action vote" data-act="vote" data-vote="{direction}"'
        f' data-turn="{turn}" aria-pressed="{pressed}" aria-label="{tip}" data-tip="{tip}">'
        f"{glyph(direction)}</button>"
    )
