"""Checks the claims of an answer against computed facts. Annotates, never rewrites.

    answer ─► structures (SMILES, keys) ─► sentences ─► readers of claims ─► verdicts

What is a claim: a statement about the structure of a molecule of the conversation. Questions,
conditions,
general chemistry, and statements about uses, biology and synthesis are none. Each claim becomes a
`Check`:
confirmed or contradicted where the facts decide, unverifiable where they, or the words, do not.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from assistant.chat.claims import asked, comparisons, several, structures
from assistant.chat.claims.ahead import read_ahead
from assistant.chat.claims.alert_lists import read_alert_lists
from assistant.chat.claims.bounds import with_limits_judged, with_molecules_named
from assistant.chat.claims.context import LIST_WORDS, Context, read_context
from assistant.chat.claims.counts import read_counts
from assistant.chat.claims.denials import read_denials
from assistant.chat.claims.formulas import read_formulas
from assistant.chat.claims.lexicon import find_terms
from assistant.chat.claims.limits import read_limits
from assistant.chat.claims.model import Check, Claim, Finding, Verdict
from assistant.chat.claims.named import NameFinder
from assistant.chat.claims.naming import read_names
from assistant.chat.claims.numbers import read_scalars
from assistant.chat.claims.opaque import read_opaque
from assistant.chat.claims.opening import opening_check
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.spoken_of import SentenceSubjects, Subject
from assistant.chat.claims.statements import read_statements
from assistant.chat.claims.stereo_set import read_stereo_set
from assistant.chat.claims.subjects import SubjectTracker
from assistant.chat.claims.tables import Cell, TableReader
from assistant.chat.claims.text import Sentence, normalise, split_sentences
from assistant.chat.claims.thresholds import read_thresholds
from assistant.chem.facts import Facts, compute_facts
from assistant.chem.molecule import Molecule

__all__ = ["Check", "Verdict", "check_answer", "warm_up"]

_WATER = Molecule("O")
_READERS = (
    read_alert_lists,
    read_limits,
    read_thresholds,
    read_formulas,
    read_ahead,
    read_scalars,
    read_statements,
    read_counts,
    read_stereo_set,  # behind: what names the centres is read there
    read_opaque,
)


def check_answer(
    text: str,
    molecules: Mapping[int, Facts],
    focus: tuple[int, ...],
    *,
    names: Mapping[int, str] | None = None,
    question: str = "",
) -> tuple[Check, ...]:
    """The claims of an answer with their verdicts, in order, without overlap.

    Args:
        text: The answer; offsets of the checks refer to it.
        molecules: Facts of the molecules of the conversation by number.
        focus: Numbers the question was about.
        names: What people call these molecules, where known.
        question: What was asked, with the numbers of molecules: a yes or no claims it.
    """
    checks = _checks(text, molecules, focus, names)
    question = with_molecules_named(question, molecules)
    statement = asked.statement_of(question) if question else None
    checks = with_limits_judged(text, question, checks, molecules)
    if statement is None:
        return checks
    said = _checks(statement, molecules, focus, names)
    opening = opening_check(text, statement, said, checks)
    if opening is None:
        return checks
    return tuple(sorted((opening, *checks), key=lambda check: check.start))


def _checks(
    text: str,
    molecules: Mapping[int, Facts],
    focus: tuple[int, ...],
    names: Mapping[int, str] | None,
) -> tuple[Check, ...]:
    """The claims of a text with their verdicts."""
    plain = normalise(text)
    written = structures.find_structures(plain)
    checker = _Checker(text, plain, molecules, focus, names or {})
    for sentence in split_sentences(plain, [(s.start, s.end) for s in written]):
        checker.read(sentence, [s for s in written if sentence.start <= s.start < sentence.end])
    checker.close()
    return checker.checks()


def warm_up() -> None:
    """Builds the tables of words and names, about half a second's work, before an answer waits."""
    check_answer("Molecule 1 is water. It has no rings.", {1: compute_facts(_WATER)}, (1,))


class _Checker:
    """Collects the checks of one answer, sentence by sentence."""

    def __init__(
        self,
        text: str,
        plain: str,
        molecules: Mapping[int, Facts],
        focus: tuple[int, ...],
        names: Mapping[int, str],
    ) -> None:
        self._text, self._plain = text, plain
        self._molecules = molecules
        self._focus = tuple(n for n in focus if n in molecules)
        self._names = {
            molecules[number].smiles: name for number, name in names.items() if number in molecules
        }
        self._tracker = SubjectTracker(tuple(molecules), focus, NameFinder(molecules, names).find)
        self._tables = TableReader()
        self._listed: Context | None = None
        self._readings: list[Reading] = []
        self._found: list[Check] = []

    def checks(self) -> tuple[Check, ...]:
        """All checks; where two overlap, the one found first stays."""
        kept: list[Check] = []
        taken = bytearray(len(self._text))
        for check in self._found:
            if not any(taken[check.start : check.end]):
                taken[check.start : check.end] = b"\1" * (check.end - check.start)
                kept.append(check)
        return tuple(sorted(kept, key=lambda c: c.start))

    def read(self, sentence: Sentence, written: list[structures.Structure]) -> None:
        """Reads the next sentence."""
        terms = find_terms(sentence.tokens)
        subjects = self._tracker.read(sentence, terms)
        labels = frozenset(i for m in subjects.mentions for i in range(m.first, m.behind))
        context = read_context(sentence, self._listed if sentence.bullet else None, labels)
        terms = [t for t in terms if not labels & set(range(t.first, t.behind))]
        cells = self._tables.cells(sentence, subjects.mentions, terms)
        if cells is not None:
            self._judge_structures(written, lambda _: ())
            for cell in cells:
                self._read_cell(cell, subjects)
            return
        asks = sentence.ending == "?"
        reading = Reading(self._plain, sentence, terms, context, subjects, labels, asks)
        self._remember_list(sentence, context)
        self._check_structures(reading, written)
        if asks or not self._molecules:
            return
        self._readings.append(reading)
        for found in comparisons.read_comparisons(reading, tuple(self._molecules), self._focus):
            self._add_comparison(found)
        for among in several.read_several(reading, tuple(self._molecules), self._focus):
            self._add_among_several(among)
        for reader in _READERS:
            self._add(reader(reading))
        self._add(read_names(reading, self._names))
        if context[-1].reacting and not any(c.silent for c in context):
            self._tracker.became_ambiguous()

    def close(self) -> None:
        """Reads what needs the sentences around it."""
        self._add(read_denials(self._readings, self._molecules))

    def _read_cell(self, cell: Cell, subjects: SentenceSubjects) -> None:
        """Reads a cell of a table; only its value is marked."""
        terms = find_terms(cell.sentence.tokens)
        spoken = SentenceSubjects((), cell.subject or subjects.carried)
        context = read_context(cell.sentence, None)
        reading = Reading(self._plain, cell.sentence, terms, context, spoken)
        for reader in _READERS:
            claims = reader(reading)
            self._add(replace(c, start=max(c.start, cell.sentence.start)) for c in claims)

    def _remember_list(self, sentence: Sentence, context: tuple[Context, ...]) -> None:
        """A line that ends with ":" rules over the list items below it."""
        words = sentence.words()
        heading = not sentence.bullet and len(words) <= 5 and bool(LIST_WORDS & set(words[-2:]))
        if sentence.ending == ":" or heading:
            last = context[-1]
            says_groups = bool(set(words) & LIST_WORDS)
            self._listed = Context(
                "has" if says_groups or last.mode else "",
                negated=last.negated,
                doubted=last.doubted,
                silent=last.silent,
                reacting=last.reacting,
            )
        elif not sentence.bullet:
            self._listed = None

    def _check_structures(self, reading: Reading, written: list[structures.Structure]) -> None:
        """Judges the structures of a sentence; in a question nothing is said of a molecule."""

        def spoken_of(structure: structures.Structure) -> tuple[int, ...]:
            tokens = reading.tokens
            later = (i for i, t in enumerate(tokens) if t.start >= structure.start)
            at = next(later, len(tokens))
            subject = reading.subjects.at(at, at, tokens)
            return subject.numbers if subject.mode == "one" and not reading.is_silent(at) else ()

        self._judge_structures(written, spoken_of)

    def _judge_structures(
        self,
        written: list[structures.Structure],
        spoken_of: Callable[[structures.Structure], tuple[int, ...]],
    ) -> None:
        for structure in written:
            verdict = structures.judge(structure, spoken_of(structure), self._molecules)
            self._found.append(
                Check(
                    structure.start,
                    structure.end,
                    _verdict(verdict.holds),
                    structure.notation,
                    self._text[structure.start : structure.end],
                    verdict.truth,
                    verdict.molecule,
                    structure.smiles,
                )
            )

    def _add(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            if claim.subject.mode == "foreign":
                continue
            finding, number = _judge(claim, claim.subject, self._molecules)
            self._append(claim.start, claim.end, claim.kind, finding, number)

    def _add_comparison(self, found: comparisons.Comparison) -> None:
        finding = comparisons.judge(found, self._molecules)
        self._append(found.start, found.end, "comparison", finding, found.first)

    def _add_among_several(self, found: several.AmongSeveral) -> None:
        number = found.numbers[0] if len(found.numbers) == 1 else None
        finding = several.judge(found, self._molecules)
        self._append(found.start, found.end, "comparison", finding, number)

    def _append(
        self, start: int, end: int, kind: str, finding: Finding, number: int | None
    ) -> None:
        phrase = self._text[start:end]
        self._found.append(
            Check(start, end, _verdict(finding.holds), kind, phrase, finding.truth, number)
        )


def _verdict(holds: bool | None) -> Verdict:
    return "unverifiable" if holds is None else "confirmed" if holds else "contradicted"


def _judge(
    claim: Claim, subject: Subject, molecules: Mapping[int, Facts]
) -> tuple[Finding, int | None]:
    """Asks the facts of each molecule the claim is about; the first that contradicts decides."""
    if claim.test is None or not subject.numbers:
        return Finding(None, None), subject.numbers[0] if len(subject.numbers) == 1 else None
    findings = [(n, claim.test(molecules[n])) for n in subject.numbers]
    if subject.mode == "none":
        findings = [
            (n, Finding(None if f.holds is None else not f.holds, f.truth)) for n, f in findings
        ]
    for holds in (False, None):
        for number, finding in findings:
            if finding.holds is holds:
                return finding, number
    if len(findings) == 1:
        return findings[0][1], findings[0][0]
    truth = "; ".join(f"molecule {n}: {f.truth}" for n, f in findings)
    return Finding(True, truth), None
