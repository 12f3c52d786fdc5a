"""The passport of an answer on the page: folded away, its main lines to read, all of it to copy."""

import json
from collections.abc import Mapping

from assistant.chat.figures import Figures
from ui.figures import figures_text
from ui.render import escape

SHOWN_HASH = 12


def passport_html(passport: Mapping[str, object]) -> str:
    """What an answer was made from and with; empty for an answer that has no passport."""
    if not passport:
        return ""
    rows = "".join(
        f"<dt>{label}</dt><dd>{escape(text)}</dd>" for label, text in _rows(passport) if text
    )
    whole = json.dumps(passport, indent=2, ensure_ascii=False)
    return (
        '<details class="passport"><summary data-tip="how this answer came about">passport'
        f'</summary><div class="sheet"><dl translate="no">{rows}</dl>'
        '<button type="button" class="action" data-tip="everything, as JSON"'
        f' data-copy="{escape(whole)}">copy passport</button></div></details>'
    )


def _rows(passport: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    model = _mapping(passport, "model")
    return (
        ("model", _joined(model, "model", "quantisation", "compute_format", "device")),
        ("adapters", _adapters(model.get("adapters"))),
        ("molecules", _molecules(_mapping(passport, "molecules"))),
        ("quoted", _quoted(_mapping(passport, "retrieved"))),
        ("sampling", ", ".join(f"{k} {v}" for k, v in _mapping(passport, "sampling").items())),
        ("figures", _figures(_mapping(passport, "figures"))),
        ("bundle", _hash(model.get("bundle_sha256"))),
        ("prompt", _hash(passport.get("prompt_sha256"))),
        ("versions", ", ".join(f"{k} {v}" for k, v in _mapping(passport, "versions").items())),
        ("time", str(passport.get("time") or "")),
    )


def _mapping(values: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}


def _joined(values: Mapping[str, object], *keys: str) -> str:
    return " · ".join(str(values[key]) for key in keys if values.get(key))


def _adapters(adapters: object) -> str:
    if not isinstance(adapters, list | tuple):
        return ""
    known = [a for a in adapters if isinstance(a, Mapping)]
    return ", ".join(f"{a.get('name')} {'on' if a.get('on') else 'off'}" for a in known)


def _molecules(molecules: Mapping[str, object]) -> str:
    return ", ".join(
        f"{number}: {m.get('inchikey') or m.get('smiles')}"
        for number, m in molecules.items()
        if isinstance(m, Mapping)
    )


def _quoted(retrieved: Mapping[str, object]) -> str:
    """Which captions of an index were quoted, for which molecule."""
    return ", ".join(
        f"{number}: {entry.get('file')} line {entry.get('line')}"
        f" (similarity {entry.get('similarity')})"
        for number, entries in retrieved.items()
        if isinstance(entries, list)
        for entry in entries
        if isinstance(entry, Mapping)
    )


def _figures(values: Mapping[str, object]) -> str:
    """What the answer took, in words; empty for passports that do not have it."""
    if not values:
        return ""
    try:
        return figures_text(Figures(**values))
    except TypeError:  # written by another version
        return ", ".join(f"{key} {value}" for key, value in values.items())


def _hash(value: object) -> str:
    return f"sha256 {value[:SHOWN_HASH]}…" if isinstance(value, str) and value else ""
