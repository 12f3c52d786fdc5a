"""Values of the parts: what header, composer, bench, sketcher, facts and viewer show."""

import itertools
from collections.abc import Mapping
from dataclasses import asdict
from typing import Protocol

from assistant.chat.figures import Figures
from assistant.chat.reply import Status
from assistant.errors import AssistantError
from ui.examples import predicted_tasks
from ui.figures import figures_html
from ui.handle import AssistantHandle
from ui.reach import Reach
from ui.render import badge, drawing, escape
from ui.session import Session
from ui.transcript import Drawings
from ui.workbench import EMPTY_FACTS, error_html, facts_html, short, summary_html

QUANTISATIONS = {"nf4": "4-bit NF4", "int8": "8-bit", "8bit": "8-bit", "none": "not quantised"}
LINK_SECONDS = 5.0  # until a change of the public link shows
CHIP = {"width": 66, "height": 46}


class Sentence(Protocol):
    """A notice above the question box."""

    text: str
    tone: str
    put_back: int


class Views:
    """Builds part values; every value has a higher `rev` than those before."""

    def __init__(self, handle: AssistantHandle, drawings: Drawings, reach: Reach) -> None:
        self._handle = handle
        self._drawings = drawings
        self._reach = reach
        self._revs = itertools.count(1)

    def rev(self) -> int:
        """The next revision number."""
        return next(self._revs)

    def header(self, figures: Figures | None = None) -> dict[str, object]:
        """Model, quantisation, adapters with reasons when off, link; figures of an answer.

        `cannot` names the tasks of the question menu that the model was not trained for,
        `predicts` are those for what it was measured to predict.
        """
        state = self._handle.state
        if state == "loading":
            seconds = f"{self._handle.seconds_loading:.0f} s"
            what = (
                f"loading {escape(self._handle.what)} · {seconds} · facts and drawing work already"
            )
            items = [f'<span class="state loading"><i class="dot"></i>{what}</span>']
        elif state == "ready":
            items = self._ready_items()
        else:
            reason = escape(state[len("failed: ") :])
            items = [
                f'<span class="state failed" data-tip="{reason}" tabindex="0">'
                f"✗ the model could not be loaded: {reason} · facts and drawing work</span>"
            ]
        items.append(f'<span class="pill reach">{escape(self._reach.words)}</span>')
        kind = state.split(":")[0]
        shown = None if figures is None else figures_html(figures)
        status = self._handle.get().status() if kind == "ready" else None
        return {
            "rev": self.rev(),
            "html": "".join(items),
            "state": kind,
            "figures": shown,
            "cannot": [] if status is None else list(status.cannot),
            "predicts": []
            if status is None
            else list(map(asdict, predicted_tasks(status.predicts))),
        }

    @property
    def seconds_to_next_header(self) -> float | None:
        """When the header should be looked at again; None when it only changes with a turn."""
        if self._handle.state == "loading":
            return 1.0
        return LINK_SECONDS if self._reach.may_change else None

    def _ready_items(self) -> list[str]:
        status = self._handle.get().status()
        where = f"computes in {status.compute_format} on {status.device}"
        with_threads = f", {status.threads}" if status.threads else ""
        tip = f"{where}{with_threads}; context {status.context} tokens"
        quantisation = QUANTISATIONS.get(status.quantisation, status.quantisation)
        items = [
            f'<span class="state ready" data-tip="{escape(tip)}" tabindex="0">'
            f'<i class="dot"></i>{escape(status.model)}</span>',
            f'<span class="pill">{escape(quantisation)}</span>',
        ]
        items += [
            f'<span class="pill off" tabindex="0" data-tip="{escape(tip)}">○ {text}</span>'
            for text, tip in _limits(status)
        ]
        for adapter in status.adapters:
            sign, word = ("✓", "on") if adapter.on else ("○", f"off: {adapter.reason}")
            tone = "on" if adapter.on else "off"
            items.append(
                f'<span class="pill adapter {tone}" tabindex="0"'
                f' data-tip="{escape(adapter.name)} {escape(word)}">'
                f"{escape(adapter.name)} {sign}</span>"
            )
        return items

    def composer(
        self,
        session: Session,
        *,
        notice: Sentence | None = None,
        question: str | None = None,
    ) -> dict[str, object]:
        """Chips and state of the question box; `question` replaces its words."""
        rev = self.rev()
        chips = [self._chip(session, entry) for entry in session.conversation.molecules]
        pending = session.pending_number
        if session.current is not None and session.current_number is None:
            chips.append(self._drawing_chip(session))
        value: dict[str, object] = {
            "rev": rev,
            "chips": "".join(chips),
            "attached": sorted(session.attached) + ([pending] if pending else []),
            "numbers": [m.number for m in session.conversation.molecules],
            "busy": session.run is not None,
            "undo": session.can_undo,
            "redo": session.can_redo,
            "notice": _notice_value(notice) if notice else None,
            "question": question,
        }
        return value

    def _chip(self, session: Session, entry: object) -> str:
        number, molecule = entry.number, entry.molecule
        name = molecule.name or short(molecule.smiles, 16)
        on = number in session.attached
        here = " current" if number == session.current_number else ""
        role = f" <small>{entry.role}</small>" if entry.role else ""
        picture = drawing(self._drawings.get(molecule.smiles, CHIP), "", css="thumb")
        return (
            f'<span class="chip{" on" if on else ""}{here}" data-number="{number}"'
            f' data-key="{number}" data-smiles="{escape(molecule.smiles)}" translate="no">'
            f'<button type="button" class="toggle" data-act="{"detach" if on else "attach"}"'
            f' aria-pressed="{"true" if on else "false"}"'
            f' data-tip="{"attached to the question" if on else "not attached"} — Alt+{number}">'
            f'{badge(number)}<span class="dotmark" aria-hidden="true">{"●" if on else "○"}</span>'
            f"</button>"
            f'<button type="button" class="open" data-act="open"'
            f' data-tip="{escape(molecule.smiles)} — open in sketcher">'
            f'{picture}<span class="label">{escape(name)}{role}</span></button>'
            f'<button type="button" class="remove" data-act="remove"'
            f' aria-label="remove molecule {number}">×</button></span>'
        )

    def _drawing_chip(self, session: Session) -> str:
        number = session.conversation.next_number
        on = session.use_current
        molecule = session.current.molecule
        name = molecule.name or short(molecule.smiles, 16)
        picture = drawing(self._drawings.get(molecule.smiles, CHIP), "", css="thumb")
        tip = "will be attached as" if on else "will not be attached as"
        return (
            f'<span class="chip pending{" on" if on else ""}" data-number="0"'
            f' data-key="{number}" data-smiles="{escape(molecule.smiles)}" translate="no">'
            f'<button type="button" class="toggle" data-act="{"detach" if on else "attach"}"'
            f' aria-pressed="{"true" if on else "false"}" data-tip="{tip} molecule {number}">'
            f'{badge(number)}<span class="dotmark" aria-hidden="true">{"●" if on else "○"}</span>'
            f'</button><span class="open">{picture}<span class="label">{escape(name)}</span></span>'
            "</span>"
        )

    def bench(
        self, session: Session, *, keep_text: bool = False, by_hand: bool | None = None
    ) -> dict[str, object]:
        """The molecule box: its text and the line below it.

        `by_hand` says whether the sketcher shows a person's own drawing, whose atoms are in another
        order than the facts' atom numbers; None leaves it as it was.
        """
        current = session.current
        found: Mapping[str, object] = current.inspection if current else {}
        summary = ""
        if current:
            found = {**found, "name": current.molecule.name or found.get("name")}
            summary = summary_html(found, session.current_number, reaction=current.reaction)
        text = None if keep_text else (current.text if current else "")
        structure = current.molecule.smiles if current else ""
        return {
            "rev": self.rev(),
            "text": text,
            "html": summary,
            "tone": "",
            "structure": structure,
            "by_hand": by_hand,
        }

    def box_error(
        self,
        session: Session,
        error: AssistantError,
        *,
        quiet: bool = False,
        text: str | None = None,
    ) -> dict[str, object]:
        """The molecule box with a mistake under it; half-typed text only gets a quiet word."""
        if quiet:
            html, tone = '<p class="hint">… not a whole molecule yet</p>', "quiet"
        else:
            html, tone = error_html(error, has_current=session.current is not None), "error"
        structure = session.current.molecule.smiles if session.current else ""
        return {"rev": self.rev(), "text": text, "html": html, "tone": tone, "structure": structure}

    def sketch(self, session: Session) -> dict[str, object]:
        """The drawing for the sketcher."""
        current = session.current
        drawable = current is not None and not current.reaction
        return {
            "molfile": str(current.inspection.get("molblock") or "") if drawable else "",
            "rxn": "",
            "smiles": current.text if current else "",
            "origin": "page",
            "n": self.rev(),
            "edit": session.last_edit,
        }

    def facts(self, session: Session) -> dict[str, object]:
        """The facts panel."""
        current = session.current
        if current is None:
            return {"rev": self.rev(), "html": EMPTY_FACTS}
        html = facts_html(current.inspection, before=current.before, number=session.current_number)
        return {"rev": self.rev(), "html": html}

    def shape(self, molblock: str | None, message: str) -> dict[str, object]:
        """The 3D viewer: a conformer, or a plain sentence why there is none."""
        return {"molblock": molblock or "", "message": message, "n": self.rev()}


def _limits(status: Status) -> list[tuple[str, str]]:
    """What the engine cannot do with this model, and why."""
    limits = []
    if status.cache_reason:
        tip = f"each turn is computed from its start: the model has {status.cache_reason}"
        limits.append(("no cache between turns", tip))
    if status.alone_reason:
        limits.append(("one answer at a time", f"others wait: {status.alone_reason}"))
    return limits


def _notice_value(notice: Sentence) -> dict[str, object]:
    return {"text": notice.text, "tone": notice.tone, "putBack": notice.put_back}
