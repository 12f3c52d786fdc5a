"""What the workbench says about the current molecule: facts, groups, alerts, mistakes.

Everything here is computed, so it carries the page's sign for computed values (blue and "="); words
of the model never appear on this side.
"""

from collections.abc import Mapping, Sequence

from assistant.chat.card import CARD_LABELS
from assistant.errors import AssistantError, InvalidMoleculeError
from ui.render import badge, copy_button, drawing, escape, glyph

SHORT_SMILES = 42

_PROPERTIES = (
    ("clogp", "{:.2f}", "", "Crippen estimate of the octanol/water partition"),
    ("tpsa", "{:.1f}", " Å²", "topological polar surface area"),
    ("hbd", "{}", "", "OH and NH"),
    ("hba", "{}", "", "N and O that accept"),
    ("rotatable_bonds", "{}", "", ""),
    ("heavy_atoms", "{}", "", "atoms other than hydrogen"),
    ("rings", "{}", "", "smallest set of smallest rings"),
    ("ring_systems", "{}", "", "fused or spiro rings count once"),
    ("aromatic_rings", "{}", "", ""),
    ("fsp3", "{:.2f}", "", "fraction of sp³ carbons"),
    ("qed", "{:.2f}", "", "drug-likeness, 0 to 1"),
    ("fragments", "{}", "", "separate parts, e.g. salt and counter-ion"),
)


def short(smiles: str, limit: int = SHORT_SMILES) -> str:
    """A SMILES cut to fit a line."""
    return smiles if len(smiles) <= limit else smiles[: limit - 1] + "…"


def subscripts(formula: str) -> str:
    """A formula with its counts lowered and its charge raised, as HTML."""
    out: list[str] = []
    for i, character in enumerate(formula):
        before = formula[i - 1] if i else ""
        if character.isdigit() and (before.isalpha() or before.isdigit() or before == ")"):
            out.append(f"<sub>{character}</sub>")
        elif character in "+-":
            sign = "−" if character == "-" else "+"
            out.append(f"<sup>{escape(formula[i + 1 :])}{sign}</sup>")
            break
        else:
            out.append(escape(character))
    return "".join(out).replace("</sub><sub>", "")


def computed(value: object, *, raw: bool = False) -> str:
    """A computed value with its sign."""
    return f'<span class="computed">{value if raw else escape(value)}</span>'


def rounded(value: object, pattern: str) -> str:
    """A value as text; one that rounds to zero has no sign."""
    text = pattern.format(value)
    return text.removeprefix("-") if not text.strip("-0.") else text


def summary_html(found: Mapping[str, object], number: int | None, *, reaction: str = "") -> str:
    """Two lines under the box: number, name, formula, mass; SMILES and stereo."""
    facts = found["facts"]
    smiles = str(facts["smiles"])
    parts = ["<span>Reaction; facts of</span>" if reaction else "", badge(number) if number else ""]
    if found.get("name"):
        parts.append(f'<span class="name">{escape(found["name"])}</span>')
    parts.append(computed(subscripts(str(facts["formula"])), raw=True))
    parts.append(computed(f"{facts['average_mass']:.2f} g/mol"))
    parts.append(f"<span>cLogP {computed(rounded(facts['clogp'], '{:.2f}'))}</span>")
    stereo = escape(found.get("stereo") or "")
    line = (
        f'<code title="{escape(smiles)}" translate="no">{escape(smiles)}</code>'
        f'<span class="stereo">{stereo}</span>'
    )
    return f'<div class="line">{"".join(parts)}</div><div class="line whole">{line}</div>'


def error_html(error: AssistantError, *, has_current: bool = False) -> str:
    """What is wrong with the text: the caret under the offending character and a likely fix."""
    out = [f'<p class="problem"><span aria-hidden="true">✗</span> {escape(error)}</p>']
    if isinstance(error, InvalidMoleculeError):
        if error.source and error.position is not None:
            out.append(_caret(error.source, error.position))
        if error.fix:
            out.append(
                '<p class="fix">Did you mean '
                '<button type="button" class="link" data-act="fix"'
                f' data-text="{escape(error.fix)}">'
                f"<code>{escape(short(error.fix, 60))}</code></button>?</p>"
            )
    if has_current:
        out.append('<p class="hint">Drawing and facts still show the last valid molecule.</p>')
    return "".join(out)


def _caret(source: str, position: int) -> str:
    """The text around a position with a caret on the line below."""
    line_start = source.rfind("\n", 0, position) + 1
    line = source[line_start:].split("\n", 1)[0]
    at = min(max(position - line_start, 0), len(line))
    left = max(0, at - 24)
    shown = ("…" if left else "") + line[left : at + 16] + ("…" if at + 16 < len(line) else "")
    indent = " " * (at - left + (1 if left else 0))
    return (
        f'<pre class="caret" aria-label="position {at + 1}" translate="no">{escape(shown)}\n'
        f"{indent}<b>^</b></pre>"
    )


def facts_html(found: Mapping[str, object], *, before: str | None, number: int | None) -> str:
    """The facts panel of the current molecule."""
    facts = found.get("facts")
    if not isinstance(facts, Mapping):
        return EMPTY_FACTS
    title = escape(found.get("name") or (f"molecule {number}" if number else "this molecule"))
    return (
        f'<div class="depiction">{drawing(str(found["svg"]), f"Drawing of {title}")}'
        f"{copy_button(title)}</div>"
        f"{_normalisation(found, before)}"
        f"{_section('Identity', _identity(facts))}"
        f"{_section('Properties', _properties(facts))}"
        f"{_section('Functional groups', _groups(facts), 'point at one to see its atoms')}"
        f"{_section('Alerts', _alerts(facts))}"
        f"{_section('For analysis', _analysis(found['analysis']), 'monoisotopic, by the formula')}"
        f'<p class="legend">{computed("computed")} from the structure by RDKit, not the model.</p>'
    )


EMPTY_FACTS = (
    '<p class="empty">Draw a molecule, or type its SMILES or name above. '
    "Its facts appear here at once.</p>"
)


def _section(title: str, body: str, hint: str = "") -> str:
    note = f" <small>{escape(hint)}</small>" if hint else ""
    return f"<section><h3>{escape(title)}{note}</h3>{body}</section>"


def _row(label: str, value: str, hint: str = "", copy: str = "") -> str:
    tip = f' data-tip="{escape(hint)}"' if hint else ""
    button = (
        f'<button type="button" class="icon" data-copy="{escape(copy)}"'
        f' aria-label="copy {escape(label)}" data-tip="copy {escape(label)}">{glyph("copy")}'
        "</button>"
        if copy
        else ""
    )
    return f"<dt{tip}>{escape(label)}</dt><dd>{value}{button}</dd>"


def _identity(facts: Mapping[str, object]) -> str:
    formula, smiles, key = (str(facts[k]) for k in ("formula", "smiles", "inchikey"))
    charge = int(facts["charge"])
    rows = [
        _row(CARD_LABELS["formula"], computed(subscripts(formula), raw=True), copy=formula),
        _row(CARD_LABELS["average_mass"], computed(f"{facts['average_mass']:.2f} g/mol")),
        _row(CARD_LABELS["exact_mass"], computed(f"{facts['exact_mass']:.4f} Da")),
        _row(CARD_LABELS["charge"], computed(f"{charge:+d}" if charge else "0")),
        _row(CARD_LABELS["stereocentres"], computed(_set_of(facts, "stereocentres"))),
        _row(CARD_LABELS["double_bonds"], computed(_set_of(facts, "double_bonds"))),
        _row("SMILES", f'<code translate="no">{escape(smiles)}</code>', copy=smiles),
        _row("InChIKey", f'<code translate="no">{escape(key or "none")}</code>', copy=key),
    ]
    return f"<dl>{''.join(rows)}</dl>"


def _set_of(facts: Mapping[str, object], key: str) -> str:
    total = facts[key]
    return f"{facts[key + '_set']} of {total} set" if total else "none"


def _properties(facts: Mapping[str, object]) -> str:
    rows = []
    for key, pattern, unit, hint in _PROPERTIES:
        value = facts.get(key)
        text = "not defined" if value is None else rounded(value, pattern) + unit
        rows.append(_row(CARD_LABELS.get(key, key), computed(text), hint))
    broken: Sequence[str] = facts["rule_of_five_violations"]
    verdict = f"{len(broken)} broken: {', '.join(broken)}" if broken else "no violations"
    hint = "Lipinski’s counts: all N and O, and the hydrogens on them"
    rows.append(_row(CARD_LABELS["rule_of_five"], computed(verdict), hint))
    return f'<dl class="two">{"".join(rows)}</dl>'


def _analysis(analysis: Mapping[str, object]) -> str:
    """m/z of the usual ions, mass percentages, what the formula says of rings and double bonds."""
    rows = [
        _row(name, computed(f"{mz:.4f}"), "m/z", copy=f"{mz:.4f}")
        for name, mz in analysis["ions"].items()
    ]
    shares = analysis["percentages"].items()
    listed = ", ".join(f"{symbol} {share:.2f}\u00a0%" for symbol, share in shares)
    rows.append(_row("mass percentages", computed(listed), copy=listed))
    unsaturation = analysis["unsaturation"]
    if unsaturation is not None:
        hint = "rings and double bonds, also called double bond equivalents (DBE)"
        rows.append(_row("degree of unsaturation", computed(f"{unsaturation:g}"), hint))
    rows.append(_row("atoms", computed(analysis["n_atoms"]), "all of them, hydrogens included"))
    return f"<dl>{''.join(rows)}</dl>"


def _groups(facts: Mapping[str, object]) -> str:
    buttons = []
    for group in facts["groups"]:
        atoms = [atom for match in group["atoms"] for atom in match]
        count = f" ×{group['count']}" if group["count"] > 1 else ""
        buttons.append(_atoms_button(f"{group['name']}{count}", atoms))
    if not buttons:
        return '<p class="none">none of the named groups</p>'
    return f'<p class="groups">{"".join(buttons)}</p>'


def _atoms_button(label: str, atoms: Sequence[int]) -> str:
    listed = ", ".join(str(a) for a in sorted(set(atoms)))
    return (
        f'<button type="button" class="group" aria-pressed="false" data-atoms="{listed}"'
        f' data-tip="atoms {listed}">{escape(label)}</button>'
    )


def _alerts(facts: Mapping[str, object]) -> str:
    if not facts["alerts"]:
        return f'<p class="none">{computed("none")} in the PAINS and Brenk lists</p>'
    buttons = [
        _atoms_button(f"⚠ {alert['catalogue']}: {alert['name']}", alert["atoms"])
        for alert in facts["alerts"]
    ]
    return f'<p class="groups alerts">{"".join(buttons)}</p>'


def _normalisation(found: Mapping[str, object], before: str | None) -> str:
    """What would be stripped or neutralised; the molecule as entered stays until asked."""
    if before:
        return (
            f'<div class="note">Showing the parent of <code translate="no">{escape(short(before))}'
            '</code>. <button type="button" class="link" data-act="restore">undo</button></div>'
        )
    report = found.get("normalisation")
    if not isinstance(report, Mapping) or report.get("smiles") == found.get("smiles"):
        return ""
    said = " ".join(escape(change["text"]) for change in report.get("changes") or ())
    said = said[:1].lower() + said[1:]
    return (
        f'<div class="note"><strong>Shown as entered.</strong> Its parent: {said} '
        '<button type="button" class="link" data-act="parent">use the parent</button></div>'
    )
