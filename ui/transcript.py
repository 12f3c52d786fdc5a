"""The dialogue as the page shows it: one HTML block per turn, and the answer being written.

The whole dialogue is sent once; while an answer grows only its last words travel, because Gradio
sends the difference to the value before.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

from assistant.chat.comparing import compares
from assistant.chat.conversation import Conversation, Message
from assistant.chat.history import Node, Tree
from assistant.chat.parts import unanswered
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from ui.answer_header import check_header
from ui.molecules import Chemistry
from ui.passport import passport_html
from ui.render import (
    Figure,
    answer_html,
    badge,
    drawing,
    escape,
    glyph,
    plain_html,
)
from ui.second_thoughts import withdrawn_html
from ui.session import Session
from ui.species import SpeciesNotes
from ui.workbench import short

MAX_DRAWINGS = 512
FIGURE = {"width": 200, "height": 140}
CARD = {"width": 132, "height": 92}
_CUT_OFF = {
    "length": "cut off here: the longest an answer can be; ask for less, or one thing at a time",
    "circles": "cut off here: it began to repeat itself; ask in other words, or for less",
}
"""What is said of an answer by how it ended."""


class Drawings:
    """Small drawings by SMILES, made by the chemistry workers and kept."""

    def __init__(self, chemistry: Chemistry) -> None:
        self.chemistry = chemistry
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
            svg = str(self.chemistry.call("draw", smiles=smiles, small=True, **size)["svg"])
        except AssistantError:
            return ""
        with self._lock:
            self._kept[key] = svg
            while len(self._kept) > MAX_DRAWINGS:
                self._kept.popitem(last=False)
        return svg


@dataclass(frozen=True)
class TranscriptView:
    """Turns a session into the transcript's value."""

    drawings: Drawings
    welcome: Callable[[], str] = field(default=str)

    @cached_property
    def species(self) -> SpeciesNotes:
        """Which answers have values of another species than the one asked for."""
        return SpeciesNotes(self.drawings.chemistry)

    def value(self, session: Session, rev: int, *, follow: bool = False) -> dict[str, object]:
        """All turns of the branch that is shown, and the answer under way as far as it is.

        Args:
            session: What to show.
            rev: Revision number of the value.
            follow: Whether the page has to ask for the rest of an answer under way.
        """
        turns = self._turns(session)
        run = session.run
        return {
            "rev": rev,
            "turns": turns,
            "live": run.live.to_value() if run else None,
            "follow": bool(run) and follow,
            "welcome": "" if turns else self.welcome(),
        }

    def _turns(self, session: Session) -> list[str]:
        path = session.stored.tree.path  # question, answer, question, answer, …
        return [
            self._turn(session, path[place : place + 2], place // 2, place + 2 >= len(path))
            for place in range(0, len(path), 2)
        ]

    def _turn(self, session: Session, nodes: tuple[Node, ...], turn: int, is_last: bool) -> str:
        """A question and its answer; one that is being written is grown by the page."""
        question, *answers = nodes
        answer = answers[0] if answers else None
        failed = answer is not None and answer.state == "failed"
        body = self._question(question, turn, session, may_undo=is_last and not failed)
        if answer is None or answer.state == "running":
            return body
        return body + (
            self._failed(answer, turn, session) if failed else self._answer(answer, turn, session)
        )

    def _question(self, node: Node, turn: int, session: Session, *, may_undo: bool) -> str:
        question, conversation = node.message, session.conversation
        before = session.stored.tree.path[2 * turn - 2].message if turn else None
        seen = _shown_with(before, conversation, turn - 1) if before else ()
        numbers = _shown_with(question, conversation, turn)
        cards = "".join(self._card(n, conversation, drawn=n not in seen) for n in numbers)
        undo = _action("undo", "undo", "take this question back", turn) if may_undo else ""
        return (
            f'<div class="question"><div class="cards">{cards}</div>'
            f'<div class="words">{plain_html(question.text)}</div>'
            f'<div class="actions">{variants_html(session.stored.tree, node, "question")}'
            f"{_action('edit', 'edit', 'change it and ask again', turn)}"
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

    def _answer(self, node: Node, turn: int, session: Session) -> str:
        answer = node.message
        figures = self.figures(answer, session)
        body = answer_html(answer.text, answer.checks, figures, turn=turn)
        end = _stopped(answer) if answer.stopped else _cut_off(answer)
        stopped = f'<p class="stopped">■ {end}</p>' if end else ""
        left = unanswered(session.questions[turn].message.text, answer.text, answer.checks)
        focus = session.conversation.focus(turn) if left else ()
        about = focus[0] if len(focus) == 1 else None
        elsewhere = self.species.of(session.conversation, turn, answer)
        header = check_header(answer.checks, turn, left=left, about=about, elsewhere=elsewhere)
        return (
            f'<div class="answer" translate="no">{header}'
            f'<div class="prose-answer">{body}</div>'
            f"{stopped}{withdrawn_html(answer.first_attempt)}"
            f'<div class="actions">{variants_html(session.stored.tree, node, "answer")}'
            f"{_action('copy', 'copy', 'copy the answer', turn, answer.text)}"
            f"{_action('retry', 'retry', 'another answer beside this one', turn)}"
            f"{_action('compare', '⚖ compare', 'the same question in columns, side by side', turn)}"
            f"{_why(turn, node)}"
            f"{_vote('up', node.vote, turn)}{_vote('down', node.vote, turn)}"
            f"{passport_html(answer.passport, turn)}</div></div>"
        )

    def _failed(self, node: Node, turn: int, session: Session) -> str:
        tone = "stopped" if node.message.stopped else "failed"
        tip = "the same question and molecules, without what was said before"
        anew = "" if node.message.stopped else _action("anew", "ask in a new chat", tip, turn)
        return (
            f'<div class="answer {tone}"><p>{escape(node.reason)}</p><div class="actions">'
            f"{variants_html(session.stored.tree, node, 'answer')}"
            f"{_action('retry', 'retry', 'ask again', turn)}{anew}</div></div>"
        )

    def figures(self, answer: Message, session: Session) -> dict[str, Figure]:
        """A drawing for each valid structure of the answer, with the number it has or would get."""
        figures: dict[str, Figure] = {}
        following = session.conversation.next_number
        wanted = (s for check in answer.checks for s in (check.smiles, check.near) if s)
        for smiles in dict.fromkeys(wanted):
            svg = self.drawings.get(smiles, FIGURE)
            if not svg:
                continue
            number = session.number_of(Molecule(smiles))
            figures[smiles] = Figure(smiles, svg, number or following, number is not None)
        return figures


def variants_html(tree: Tree, node: Node, what: str) -> str:
    """`‹ 2/3 ›` where a question or an answer has variants, else nothing."""
    ids = tree.variants(node.id)
    if len(ids) < 2:
        return ""
    place = ids.index(node.id)
    count = f"{what} {place + 1} of {len(ids)}"
    return (
        f'<span class="variants" role="group" aria-label="{count}">'
        f"{_to_variant('previous', '‹', what, ids[place - 1] if place else None)}"
        f'<span class="count">{place + 1}/{len(ids)}</span>'
        f"{_to_variant('next', '›', what, ids[place + 1] if place + 1 < len(ids) else None)}</span>"
    )


def _to_variant(which: str, sign: str, what: str, node: int | None) -> str:
    target = "disabled" if node is None else f'data-act="branch" data-node="{node}"'
    return (
        f'<button type="button" class="action {which}-{what}" {target}'
        f' aria-label="{which} {what}" data-tip="{which} {what}">{sign}</button>'
    )


def _shown_with(question: Message, conversation: Conversation, turn: int) -> tuple[int, ...]:
    """The molecules whose cards stand with a question: those attached, and those it is about too.

    "Which of the two is heavier?" is about more than what lies in the sketcher at the time.
    """
    if not question.attached or not (compares(question.text) or question.named):
        return question.attached
    return tuple(sorted({*question.attached, *conversation.focus(turn)}))


def _stopped(answer: Message) -> str:
    sampling = answer.passport.get("sampling")
    by_time = isinstance(sampling, Mapping) and sampling.get("ended") == "time"
    return "stopped here, at the time limit of an answer" if by_time else "stopped here"


def _cut_off(answer: Message) -> str:
    """What is said of an answer that was ended before its end; empty for others."""
    sampling = answer.passport.get("sampling")
    ended = sampling.get("ended") if isinstance(sampling, Mapping) else None
    return _CUT_OFF.get(str(ended), "")


def _why(turn: int, node: Node) -> str:
    """Opens the panel that says what of the molecule an answer depends on."""
    return (
        f'<button type="button" class="action why" data-why="{turn}" data-node="{node.id}"'
        ' data-tip="what of the molecule its sentences depend on">why</button>'
    )


def _action(act: str, label: str, tip: str, turn: int, copy: str = "") -> str:
    extra = f' data-copy="{escape(copy)}"' if copy else f' data-act="{act}"'
    return (
        f'<button type="button" class="action {act}" data-turn="{turn}"{extra}'
        f' data-tip="{escape(tip)}">{escape(label)}</button>'
    )


def _vote(direction: str, vote: str, turn: int) -> str:
    tip = "good answer" if direction == "up" else "bad answer"
    pressed = "true" if vote == direction else "false"
    return (
        f'<button type="button" class="action vote" data-act="vote" data-vote="{direction}"'
        f' data-turn="{turn}" aria-pressed="{pressed}" aria-label="{tip}" data-tip="{tip}">'
        f"{glyph(direction)}</button>"
    )
