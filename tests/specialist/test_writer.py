"""What the language model for reactions writes, to several spellings of a question."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from assistant.chem.aligned import Alignable
from assistant.chem.molecule import Molecule
from assistant.llm.requests import Done, EndReason, Request
from assistant.specialist.templates import ClassifierConfig, Fingerprints
from assistant.specialist.writer import Asking, Writer, spellings

AMIDE, AMINE = Molecule.parse("CC(=O)Nc1ccc(O)cc1").smiles, "Nc1ccc(O)cc1"
WAY = Molecule.parse(f"CC(=O)O.{AMINE}").smiles


class Tokens:
    """Ids are places in a list of texts, an end token apart."""

    def decode(self, ids: Sequence[str]) -> str:
        return "".join(ids)


class Prompt(NamedTuple):
    """A question in as many tokens as it has letters."""

    task: str
    smiles: str

    @property
    def n_tokens(self) -> int:
        return len(self.smiles)


class Saying:
    """An engine whose answers are given, and which notes what it is asked."""

    def __init__(self, *texts: str, reason: EndReason = "end") -> None:
        self.texts, self.asked, self.reason = texts, [], reason

    def side_by_side(self, requests: Sequence[Request]) -> Iterator[object]:
        yield from ()
        self.asked.extend(requests)
        pairs = zip(requests, cycle(self.texts), strict=False)
        return tuple(Done(self.reason, tuple(text), 0.0, 0.0) for _, text in pairs)


def drafts(
    monkeypatch: pytest.MonkeyPatch,
    engine: Saying,
    task: str,
    given: str,
    n: int = 6,
    *,
    context: int = 99,
) -> Mapping[str, int]:
    monkeypatch.setattr(Writer, "_prompt", lambda _, task, smiles: Prompt(task, smiles))
    llm = SimpleNamespace(tokenizer=Tokens(), context=context)
    writer = Writer(llm, engine, ("retrosynthesis", "product"))
    asking = writer.drafts(task, given, n, asking=Asking(visitor="a"))
    while True:
        try:
            next(asking)
        except StopIteration as end:
            return end.value


def test_spellings_are_the_same_structure_and_always_the_same() -> None:
    given = Molecule.parse("C[C@H](N)C(=O)O.OCCc1ccccc1").smiles
    found = spellings(given, 12)
    assert found == spellings(given, 12)
    assert found[0] == given
    assert len(set(found)) == 12
    assert {Molecule.parse(text).smiles for text in found} == {given}
    assert spellings(given, 5) == found[:5]


def test_a_small_molecule_has_few() -> None:
    assert spellings("C", 12) == ("C",)
    assert set(spellings("CO", 12)) == {"CO", "OC"}


def test_each_spelling_is_asked_and_the_same_structures_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Saying(f"Reactants: {AMINE}.CC(O)=O", "Reactants: CC(=O)Cl.Oc1ccc(N)cc1")
    found = drafts(monkeypatch, engine, "retrosynthesis", AMIDE)
    assert found == {WAY: 3, Molecule.parse(f"CC(=O)Cl.{AMINE}").smiles: 3}
    assert [request.spliced for request in engine.asked] == [
        ("retrosynthesis", text) for text in spellings(AMIDE, 6)
    ]
    assert {request.visitor for request in engine.asked} == {"a"}
    assert all(request.sampling.temperature == 0 for request in engine.asked)


def test_what_cannot_be_right_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = (
        "Reactants: C1CC",  # no structure
        "I do not know",
        f"Reactants: {AMIDE}",  # nothing has happened
        f"Reactants: CCO.{AMIDE}",
        f"Reactants: CC.{AMINE}",  # whose oxygen?
    )
    engine = Saying(*wrong, f"Reactants: {WAY}")
    assert drafts(monkeypatch, engine, "retrosynthesis", AMIDE) == {WAY: 1}
    engine = Saying(f"Product: {AMINE}", "Product: Brc1ccccc1", f"Product: {AMIDE}")
    assert drafts(monkeypatch, engine, "product", WAY, 3) == {AMIDE: 1}


def test_what_was_cut_off_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Saying(f"Reactants: {WAY}", reason="length")
    assert drafts(monkeypatch, engine, "retrosynthesis", AMIDE) == {}


def test_spellings_that_are_too_long_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = "C" * 40  # from its middle on it is written with two more letters
    engine = Saying("Reactants: CC", f"Reactants: {'C' * 39}Br.C")
    found = drafts(monkeypatch, engine, "retrosynthesis", chain, context=41)
    assert [request.spliced.smiles for request in engine.asked] == [chain]
    assert found == {}
    assert drafts(monkeypatch, engine, "retrosynthesis", chain, context=40) == {}
    assert len(engine.asked) == 1


def test_one_answer_that_is_too_long_gets_the_lowest_opinion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Scoring:
        def side_by_side(self, requests: Sequence[Request]) -> Iterator[object]:
            yield from ()
            scores = [(-float(len(r.forced)),) for r in requests]
            return tuple(Done("end", (), 0.0, 0.0, log_probabilities=s) for s in scores)

    monkeypatch.setattr(Writer, "_prompt", lambda _, task, smiles: Prompt(task, smiles))
    monkeypatch.setattr(Writer, "answer_ids", lambda _, task, given, a: tuple(a.smiles))
    llm = SimpleNamespace(tokenizer=Tokens(), context=60)
    asking = Writer(llm, Scoring(), ("retrosynthesis",)).opinions(
        "retrosynthesis", "CO", ("C" * 20, "C" * 90, "C" * 5), asking=Asking()
    )
    with pytest.raises(StopIteration) as end:
        next(asking)
    assert [opinion.along for opinion in end.value.value] == pytest.approx([-20.0, -20.0, -5.0])
    assert [opinion.back for opinion in end.value.value] == [0.0, 0.0, 0.0]


def test_nothing_is_asked_where_nothing_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Saying("Reactants: C")
    assert drafts(monkeypatch, engine, "retrosynthesis", AMIDE, 0) == {}
    assert not engine.asked


def test_nothing_is_written_to_the_log_of_rdkit(capfd: pytest.CaptureFixture[str]) -> None:
    """A proton alone makes RDKit warn; what a person asks is nobody's business but theirs."""
    salt = Molecule.parse("[H+].[Cl-].CN").smiles
    Alignable(salt).along("CN")
    Fingerprints(ClassifierConfig(1)).counts(salt)
    spellings(salt, 6)
    assert capfd.readouterr().err == ""
