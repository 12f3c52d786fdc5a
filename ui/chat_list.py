"""The list of conversations as the page shows it: by day, by molecule, or what a search found.

Thumbnails are not in it: the page asks for those it can see, so a long list costs no drawings.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from assistant.chat.history import History, MoleculeGroup, Summary
from assistant.errors import HistoryError
from ui.render import escape
from ui.session import Session
from ui.shown import Listing
from ui.workbench import short

DAY = 24 * 3600.0
LABEL_CHARS = 26
KEPT = "No conversations yet. Ask a question, and it is kept here."
NOT_KEPT = (
    "No conversations yet. Nothing is written to the disk: conversations are here until the "
    "assistant ends."
)
FLEETING = "Not written to the disk; gone when the assistant ends."
NO_MOLECULES = "No molecules yet. Conversations about a molecule are grouped here."
BUBBLE = (
    '<svg class="glyph" viewBox="0 0 16 16" aria-hidden="true"><path d="M3 3.5h10a1 1 0 0 1 1 1v6'
    'a1 1 0 0 1-1 1H8l-3.2 2.3v-2.3H3a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z"/></svg>'
)


@dataclass(frozen=True)
class ChatList:
    """Turns a visitor's history into the list's value."""

    history: History

    def value(self, session: Session, rev: int) -> dict[str, object]:
        """The list, which entry is open, and what can be taken back."""
        listing = session.listing
        try:
            html = self._list(session.visitor, listing, session.stored.id)
        except HistoryError as error:  # the dialogue works all the same
            html = _empty(str(error))
        return {
            "rev": rev,
            "html": html,
            "current": session.stored.id,
            "grouped": listing.grouped,
            "query": listing.query,
            "undo": _undo_html(listing),
        }

    def _list(self, visitor: str, listing: Listing, current: str) -> str:
        if listing.query:
            return self._found(visitor, listing, current)
        if listing.grouped:
            return self._by_molecule(visitor, listing, current)
        return self._by_day(visitor, listing, current)

    def _by_day(self, visitor: str, listing: Listing, current: str) -> str:
        lists = self.history.lists
        entries = lists.newest(visitor, limit=listing.n_shown)
        if not entries:
            return _empty(KEPT if self.history.is_kept else NOT_KEPT)
        days: dict[str, list[Summary]] = {}
        for entry in entries:
            days.setdefault(_day(entry.updated, time.time()), []).append(entry)
        html = "".join(_section(day, chats, current) for day, chats in days.items())
        html += _more(len(entries), lists.count(visitor))
        return html if self.history.is_kept else f'{html}<p class="fleeting">{FLEETING}</p>'

    def _by_molecule(self, visitor: str, listing: Listing, current: str) -> str:
        groups = self.history.lists.by_molecule(visitor, limit=listing.n_shown)
        if not groups:
            return _empty(NO_MOLECULES)
        html = "".join(_group(group, current) for group in groups)
        return html + _more(len(groups), len(self.history.lists.structures(visitor)))

    def _found(self, visitor: str, listing: Listing, current: str) -> str:
        """Sections for the molecule itself, for what contains it, and for the words."""
        lists, found = self.history.lists, listing.structures or {}
        same, containing = (list(found.get(key) or ()) for key in ("same", "containing"))
        sections = {
            "This molecule": lists.with_structure(visitor, same),
            "Contains this structure": lists.with_structure(visitor, containing),
            "These words": lists.with_words(visitor, listing.query, limit=listing.n_shown),
        }
        html = "".join(_section(t, entries, current) for t, entries in sections.items() if entries)
        note = listing.problem or _how_far(found, len(lists.structures(visitor)))
        note = f'<p class="note">{escape(note)}</p>' if note else ""
        if html:
            return html + note
        return (
            _empty(f"Nothing found for “{listing.query}”. Search words, a name or a SMILES.") + note
        )


def _how_far(found: object, n_all: int) -> str:
    searched = found.get("n_searched") if isinstance(found, dict) else None
    if not isinstance(searched, int) or searched >= n_all:
        return ""
    return f"The search took too long: {searched:,} of {n_all:,} molecules were looked at."


def _section(title: str, entries: Iterable[Summary], current: str) -> str:
    items = "".join(_entry(entry, current) for entry in entries)
    return f'<section class="day"><h2>{escape(title)}</h2><ul>{items}</ul></section>'


def _group(group: MoleculeGroup, current: str) -> str:
    name = escape(group.name or short(group.smiles, LABEL_CHARS))
    items = "".join(_entry(entry, current, grouped=True) for entry in group.conversations)
    return (
        f'<section class="molecule"><h2 title="{escape(group.smiles)}" translate="no">'
        f"{_thumb(group.smiles)}<span>{name}</span> <small>{len(group.conversations)}</small></h2>"
        f"<ul>{items}</ul></section>"
    )


def _entry(entry: Summary, current: str, *, grouped: bool = False) -> str:
    """One conversation; below its molecule it does not say again what it is about."""
    about = "" if grouped and entry.n_molecules == 1 else _about(entry)
    title = escape(entry.title)
    here = ' aria-current="true"' if entry.id == current else ""
    if entry.running:
        state = '<span class="state-word writing">… writing</span>'
    elif entry.unseen and entry.id != current:
        state = '<span class="state-word new">● new answer</span>'
    else:
        state = f'<time data-time="{entry.updated:.0f}"></time>'
    return (
        f'<li class="entry" data-id="{entry.id}">'
        f'<button type="button" class="open" data-act="open"{here}>'
        f"{'' if grouped else _thumb(entry.smiles)}"
        f'<span class="lines"><span class="title">{title}</span>'
        f'<span class="sub"><span class="about" translate="no">{escape(about)}</span>'
        f"{state}</span></span></button>"
        f'<span class="tools">'
        f'<button type="button" class="rename" data-act="rename" data-tip="rename"'
        f' aria-label="rename {title}">✎</button>'
        f'<button type="button" class="remove" data-act="remove" data-tip="delete"'
        f' aria-label="delete {title}">×</button></span></li>'
    )


def _about(entry: Summary) -> str:
    if not entry.n_molecules:
        return ""
    first = entry.molecules[0] if entry.molecules else short(entry.smiles, 14)
    more = entry.n_molecules - 1
    return f"{first} +{more}" if more else first


def _thumb(smiles: str) -> str:
    """The place of a drawing, which the page asks for when it comes into view."""
    if not smiles:
        return f'<span class="thumb none">{BUBBLE}</span>'
    return f'<span class="thumb" data-smiles="{escape(smiles)}"></span>'


def _more(n_shown: int, n_all: int) -> str:
    if n_all <= n_shown:
        return ""
    return (
        '<button type="button" class="more" data-act="more">'
        f"show more ({n_all - n_shown:,} older)</button>"
    )


def _undo_html(listing: Listing) -> str:
    if listing.deleted is None:
        return ""
    title = escape(short(listing.deleted[1], 34))
    return (
        f"<span>Deleted “{title}”</span>"
        '<button type="button" class="link" data-act="restore">Undo</button>'
    )


def _empty(sentence: str) -> str:
    return f'<p class="empty">{escape(sentence)}</p>'


def _day(moment: float, now: float) -> str:
    """Which part of the list a moment belongs to."""
    midnight = time.mktime((*time.localtime(now)[:3], 0, 0, 0, 0, 0, -1))
    if moment >= midnight:
        return "Today"
    if moment >= midnight - DAY:
        return "Yesterday"
    if moment >= midnight - 6 * DAY:
        return "Last 7 days"
    return time.strftime("%B %Y", time.localtime(moment))
