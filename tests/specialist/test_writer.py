"""What the language model for reactions writes, to several spellings of a question."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from types import SimpleNamespace

import pytest

from assistant.chem.aligned import Alignable
from assistant.chem.molecule import Molecule
from assistant.llm.requests import Done, Request
from assistant.specialist.templates import ClassifierConfig, Fingerprints
from assistant.specialist.writer import Asking, Writer, spellings

AMIDE, AMINE = Molecule.parse("CC(=O)Nc1ccc(O)cc1").smiles, "Nc1ccc(O)cc1"
WAY = Molecule.parse(f"CC(=O)O.{AMINE}").smiles


class Tokens:
    """Ids are places in a list of texts, an end token apart."""

    def decode(self, ids: Sequence[str]) -> str:
        return "".join(ids)


class Saying:
    """An engine whose answers are given, and which notes what it is asked."""

    def __init__(self, *texts: str) -> None:
        self.texts, self.asked = texts, []

    def side_by_side(self, requests: Sequence[Request]) -> Iterator[object]:
        yield from ()
        self.asked.extend(requests)
        pairs = zip(requests, cycle(self.texts), strict=False)
        return tuple(Done("end", tuple(text), 0.0, 0.0) for _, text in pairs)


def drafts(
    monkeypatch: pytest.MonkeyPatch, engine: Saying, task: str, given: str, n: int = 6
) -> Mapping[str, int]:
    monkeypatch.setattr(Writer, "_prompt", lambda _, task, smiles: (task, smiles))
    writer = Writer(SimpleNamespace(tokenizer=Tokens()), engine, ("retrosynthesis", "product"))
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
