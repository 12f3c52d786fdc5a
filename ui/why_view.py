"""The "why" panel as HTML: the sentence, two painted drawings, the table of parts, the legend."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from assistant.chat.conversation import Conversation, Message
from assistant.chat.phrases import Phrase
from assistant.chat.sentences import SentenceSpan, tokens_within
from assistant.influence import MIN_CONTROLS, SMALLEST, SPREAD, Effect, Kind, Measurement, Totals
from ui.render import badge, escape
from ui.why_drawing import N_STEPS, notes_of, paint, painted_html, scale_of, signed, step_of, tone

Draw = Callable[[Sequence[str]], str]
"""Draws the molecule with a note beside each atom."""

Names = Mapping[int, str]
"""Element symbols by atom number."""

UNTOLD_HINT = (
    "Parts are masked while the prompt holds no SMILES, name or card: what is painted is what the"
    " graph alone says for the sentence."
)


@dataclass
class Panel:
    """What a tab's panel is about.

    Attributes:
        turn: The question, counted from 0.
        conversation: Up to and including it.
        answer: Its answer.
        node: The answer's number in the history.
        sentences: Of the answer.
        offsets: The characters of its tokens.
        sentence: Which one is asked about.
        number: The molecule whose parts are masked.
        kind: What is painted.
        told: Whether SMILES and card stay in the prompt meanwhile.
        reason: Why nothing can be measured; empty when it can.
        problem: Why measuring ended early.
        waiting: Where it waits.
        busy: Whether it is being measured.
        measurements: By molecule, and whether SMILES and card stayed.
        stop: Ends the measuring.
    """

    turn: int
    conversation: Conversation
    answer: Message
    node: int
    sentences: tuple[SentenceSpan, ...]
    offsets: tuple[tuple[int, int], ...] = ()
    sentence: int = 0
    number: int = 0
    kind: Kind = "motif"
    told: bool = True
    reason: str = ""
    problem: str = ""
    waiting: str = ""
    busy: bool = False
    measurements: dict[tuple[int, bool], Measurement] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def measurement(self) -> Measurement | None:
        """Of the molecule and the prompt that are chosen."""
        return self.measurements.get((self.number, self.told))

    @property
    def tokens(self) -> tuple[int, ...]:
        """Places of the sentence's tokens."""
        span = self.sentences[self.sentence]
        return tokens_within(self.offsets, span.since, span.until)


def sentence_html(panel: Panel, found: Sequence[Phrase]) -> str:
    """The sentence with the words that point at atoms, and the way to the others."""
    span, n = panel.sentences[panel.sentence], len(panel.sentences)
    text = panel.answer.text
    inside = [one for one in found if span.start <= one.start and one.end <= span.end]
    borders = [(0, span.start), *((one.start, one.end) for one in inside), (span.end, 0)]
    out = []
    for (_, before), (start, end) in pairwise(borders):
        out.append(escape(text[before:start]))
        phrase = next((one for one in inside if one.start == start and end), None)
        if phrase:
            atoms = ",".join(map(str, phrase.atoms))
            listed = ranges(phrase.atoms)
            out.append(
                f'<button type="button" class="why-phrase" data-atoms="{atoms}"'
                f' aria-pressed="false" data-tip="atoms {listed}">'
                f"{escape(text[start:end])}</button>"
            )
    place = panel.sentence
    return (
        f'<div class="why-steps">{_step(place - 1, "‹", "previous", place > 0)}'
        f"<span>sentence {place + 1} of {n}</span>"
        f"{_step(place + 1, '›', 'next', place + 1 < n)}</div>"
        f'<blockquote translate="no">{"".join(out)}</blockquote>'
    )


def _step(to: int, sign: str, which: str, on: bool) -> str:
    state = f'data-act="sentence" data-to="{to}"' if on else "disabled"
    return (
        f'<button type="button" class="tool {which}" {state} aria-label="{which} sentence"'
        f' data-tip="{which} sentence">{sign}</button>'
    )


def choices_html(panel: Panel, numbers: Sequence[int]) -> str:
    """Which molecule, motifs or atoms, and whether the text is left out."""
    molecules = "".join(
        _choice("number", str(n), f"{badge(n)} molecule {n}", n == panel.number)
        for n in numbers
        if len(numbers) > 1
    )
    kinds = "".join(
        _choice("kind", kind, label, kind == panel.kind)
        for kind, label in (("motif", "Motifs"), ("atom", "Atoms"))
    )
    checked = "" if panel.told else " checked"
    return (
        f'<span class="why-group" role="group" aria-label="molecule">{molecules}</span>'
        f'<span class="why-group" role="group" aria-label="what is masked">{kinds}</span>'
        f'<label><input type="checkbox" data-told{checked}>'
        " leave out SMILES, name and card</label>"
        + ("" if panel.told else f'<p class="why-hint">{UNTOLD_HINT}</p>')
    )


def _choice(what: str, value: str, label: str, on: bool) -> str:
    pressed = "true" if on else "false"
    return (
        f'<button type="button" class="why-choice" data-act="choose" data-what="{what}"'
        f' data-value="{value}" aria-pressed="{pressed}">{label}</button>'
    )


def progress_html(panel: Panel, measurement: Measurement | None) -> str:
    """How far measuring is, or how to begin; a sentence where it cannot."""
    if panel.reason:
        return f'<p class="why-off">○ {escape(panel.reason)}</p>'
    done, whole = (measurement.n_done, len(measurement.views)) if measurement else (0, 0)
    problem = f'<p class="why-off">✗ {escape(panel.problem)}</p>' if panel.problem else ""
    if panel.busy:
        words = escape(panel.waiting) or f"{done} of {whole} views scored"
        return (
            f'{problem}<div class="why-bar"><progress max="{whole or 1}" value="{done}"'
            f' aria-label="views scored"></progress><span>{words}</span>'
            '<button type="button" class="tool" data-act="cancel">Stop</button></div>'
        )
    if measurement and measurement.is_done:
        return problem
    word = "Go on" if done else "Measure influence"
    return (
        f'{problem}<div class="why-bar"><button type="button" class="why-go" data-act="measure">'
        f"{word}</button><span>{done} of {whole} views scored</span></div>"
    )


def totals_html(panel: Panel, totals: Totals | None) -> str:
    """How much of the sentence hangs on the graph at all, and how much on the text."""
    if totals is None:
        return ""
    per_token = totals.log_p / max(totals.n_tokens, 1)
    said = (
        f"Without the graph of molecule {panel.number} (graph tokens and ΔW) the sentence’s"
        f" log-probability changes by <b>{signed(-totals.graph)}</b>, without SMILES, name and card"
        f" by <b>{signed(-totals.text)}</b>, without both by {signed(-totals.both)} nats."
        f" As written it is {signed(totals.log_p)} ({signed(per_token)} a token)."
    )
    return f'<p class="why-totals">{said} <strong>{_judgement(totals)}</strong></p>'


def _judgement(totals: Totals) -> str:
    graph, text = abs(totals.graph), totals.text
    if graph < 10 * SMALLEST and text > 5 * graph:
        return "It can be read off the text; masking the graph hardly changes it."
    if text > graph:
        return "It leans more on the text than on the graph."
    return "It leans more on the graph than on the text."


def pictures_html(
    panel: Panel, measurement: Measurement | None, tokens: Sequence[int], names: Names, draw: Draw
) -> str:
    """The molecule painted by influence, and its random-atom control."""
    effects = measurement.effects(panel.kind, tokens) if measurement else []
    control = measurement.control_effects(panel.kind, tokens) if measurement else []
    scale = scale_of([*effects, *control])
    ours, chance = paint(effects, scale), paint(control, scale)
    by_atom = {e.unit.atoms[0]: e for e in effects if e.unit.kind == "atom"}
    says = {n: _says(n, symbol, by_atom.get(n)) for n, symbol in names.items()}
    title = f"Molecule {panel.number}: influence of its {panel.kind}s"
    left = painted_html(draw(notes_of(len(names), ours)), ours, title, says=says)
    out = [_figure(left, title, "press an atom to ask about it")]
    if control:
        words = (
            "Control: as many atoms, at random"
            if panel.kind == "motif"
            else "Control: the same values, atoms shuffled"
        )
        right = painted_html(draw(notes_of(len(names), chance, numbers=False)), chance, words)
        out.append(_figure(right, words, "what a picture shows by chance"))
    return "".join(out)


def _says(number: int, symbol: str, effect: Effect | None) -> str:
    if effect is None:
        return f"atom {number}, {symbol}"
    return f"atom {number}, {symbol}, {signed(effect.nats)} nats, {_verdict(effect)[1]}"


def _figure(picture: str, title: str, hint: str) -> str:
    return (
        f"<figure>{picture}<figcaption>{escape(title)}<small>{escape(hint)}</small></figcaption>"
        "</figure>"
    )


def table_html(panel: Panel, effects: Sequence[Effect], scale: float) -> str:
    """The parts by how far they stand out."""
    if not effects:
        return ""
    heads = (
        ("part", "press it to see its atoms"),
        ("atoms", "numbered as on the drawing"),
        ("effect", "log-probability that the sentence loses without the part, in nats"),
        ("random atoms", "the same for as many other atoms: mean ± standard deviation"),
        ("against chance", "larger than that of random atoms, or not distinguishable from it"),
    )
    head = "".join(
        f'<th scope="col"{f" data-tip={chr(34)}{escape(tip)}{chr(34)}" if tip else ""}>{name}</th>'
        for name, tip in heads
    )
    rows = "".join(_row(effect, scale) for effect in effects)
    return (
        f'<table><caption class="voice">Influence of {panel.kind}s on the sentence</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(effect: Effect, scale: float) -> str:
    unit, control = effect.unit, effect.control
    atoms = ",".join(map(str, unit.atoms))
    sign, words = _verdict(effect)
    against = f"{signed(control.mean)} ± {control.sd:.2f}" if control else "none"
    many = f' data-tip="{control.n} random sets"' if control else ""
    return (
        f'<tr><th scope="row"><span><i class="why-key {tone(step_of(effect, scale))}"></i>'
        f'<button type="button" class="why-phrase" data-atoms="{atoms}" aria-pressed="false">'
        f"{escape(unit.name)}</button></span></th><td>{ranges(unit.atoms)}</td>"
        f'<td class="number">{signed(effect.nats)}</td><td class="number"{many}>{against}</td>'
        f'<td class="against"><span aria-hidden="true">{sign}</span> {words}</td></tr>'
    )


def ranges(numbers: Sequence[int]) -> str:
    """Atom numbers, three or more in a row as a range: 2, 5–9, 11."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(
        f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs
    )


def _verdict(effect: Effect) -> tuple[str, str]:
    if effect.control is None:
        return "·", "no control"
    if effect.stands_out:
        return ("+", "supports the words") if effect.nats > 0 else ("−", "speaks against them")
    return "·", "less than chance" if effect.falls_short else "not distinguishable"


def legend_html(scale: float) -> str:
    """The scale and how to read it."""
    steps = "".join(
        f'<i class="why-key {tone(step)}"></i>' for step in range(-N_STEPS, N_STEPS + 1)
    )
    return (
        f'<p class="why-scale"><span>− {scale:.1f}</span>{steps}<span>+ {scale:.1f} nats</span></p>'
        "<p><b>+</b> the sentence is less likely without the part, <b>−</b> it is likelier without"
        " it, grey: not distinguishable from as many random atoms. An effect counts where it is"
        f" larger than theirs by more than {SPREAD:.0f} standard deviations and {SMALLEST} nats"
        f" (with at least {MIN_CONTROLS} other sets to compare). A loss of 0.7 nats makes the"
        " sentence half as likely. <b>Influence, not proof:</b> a part that the words depend on"
        " need not be the reason for what they claim.</p>"
    )
