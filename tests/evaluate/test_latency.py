"""The report of the latency command; the measuring itself needs a browser and a running model."""

from rdkit.Chem import MolFromSmiles
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from assistant.evaluate.latency import MOLECULES, report


def test_each_phase_and_kind_has_its_median_and_worst() -> None:
    found = [("idle", "paste", 100.0), ("idle", "typed", 190.0), ("idle", "paste", 140.0)]
    assert [line.split() for line in report(found).splitlines()[1:]] == [
        ["idle", "paste", "120", "140", "140", "2"],
        ["idle", "typed", "190", "190", "190", "1"],
    ]


def test_the_formulas_that_are_waited_for_are_right_and_differ() -> None:
    right = {s: CalcMolFormula(MolFromSmiles(s)) for s in MOLECULES}
    assert right == MOLECULES
    assert len(set(MOLECULES.values())) == len(MOLECULES)
