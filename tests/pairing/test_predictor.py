"""Pair heads: order, atom order and cache do not matter; known pairs, domains, what is off."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.bundle import Bundle
from assistant.checkpoint import ComponentInfo, save_component
from assistant.chem.molecule import Molecule
from assistant.errors import BundleError
from assistant.graph.pairs.head import PAIR_HEAD_COMPONENT, PairHead, PairHeadConfig
from assistant.graph.pairs.interactions import INTERACTIONS
from assistant.pairing.bench import PairBench
from assistant.pairing.domain import domain_of, outside
from assistant.pairing.figures import Domain, HeadFigures
from assistant.pairing.known import KnownPairs
from assistant.pairing.predictor import PairPredictor
from assistant.retrieval.error_bins import Bin, bins_of
from tests.pairing.heads import figures_of, head_config, write_bundle, write_head

ASPIRIN, CAFFEINE = "CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O"
DRUGS = [ASPIRIN, CAFFEINE, "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "C", "[Na+].[Cl-]", "N.N.Cl[Pt]Cl"]


def predictor_of(tasks: tuple[str, ...], interaction: str = "gated_fusion") -> PairPredictor:
    torch.manual_seed(5)
    return PairPredictor(PairHead(head_config(tasks, interaction)), figures_of(tasks))


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_a_symmetric_pair_has_one_score_both_ways_to_the_last_bit(interaction: str) -> None:
    predictor = predictor_of(("drug_drug",), interaction)
    for first in DRUGS:
        for second in DRUGS:
            one, two = Molecule.parse(first), Molecule.parse(second)
            there = predictor.values(one, two)["drug_drug"]
            predictor.clear()
            assert there == predictor.values(two, one)["drug_drug"]


def test_roles_matter_where_they_differ() -> None:
    predictor = predictor_of(("absorption",))
    one, two = Molecule.parse(ASPIRIN), Molecule.parse(CAFFEINE)
    assert predictor.values(one, two) != predictor.values(two, one)


def test_the_order_of_atoms_and_what_was_asked_before_change_no_bit() -> None:
    predictor = predictor_of(("absorption", "emission"))
    solvent = Molecule.parse("OCC")
    fresh = predictor.values(Molecule.parse(ASPIRIN), solvent)
    for text in ("O=C(C)Oc1ccccc1C(O)=O", "c1(C(O)=O)ccccc1OC(C)=O"):
        predictor.clear()
        assert predictor.values(Molecule.parse(text), Molecule.parse("CCO")) == fresh
    for other in DRUGS:
        predictor.values(Molecule.parse(other), solvent)
    assert predictor.values(Molecule.parse(ASPIRIN), solvent) == fresh


def test_values_come_in_the_units_of_the_tasks() -> None:
    config = head_config(("absorption", "lifetime"), logarithmic=(False, True))
    head = PairHead(
        PairHeadConfig(config.model, config.tasks, (400.0, 0.5), (50.0, 2.0), (False, True))
    )
    found = head.values(torch.tensor([[0.0, 0.0], [1.0, -1.0]]))
    assert found[:, 0].tolist() == [400.0, 450.0]
    assert found[:, 1].tolist() == pytest.approx([10**0.5, 10**-1.5])
    drugs = PairHead(head_config(("drug_drug",)))
    assert drugs.values(torch.tensor([[0.0]])).item() == 0.5


def test_tasks_of_other_roles_do_not_share_a_head() -> None:
    with pytest.raises(ValueError, match="one pair of roles"):
        head_config(("absorption", "solvation"))


def known_pairs(*, is_symmetric: bool = False) -> KnownPairs:
    texts = [("CCO", "O"), ("CCCO", "O"), ("c1ccccc1", "O"), ("CCO", "CCCCCC")]
    pairs = [(Molecule.parse(a).smiles, Molecule.parse(b).smiles) for a, b in texts]
    values = np.array([[1.0], [2.0], [3.0], [np.nan]])
    task = "drug_drug" if is_symmetric else "absorption"
    return KnownPairs(pairs, values, [task], is_symmetric=is_symmetric)


def test_the_nearest_pair_is_the_one_whose_worse_side_is_nearest() -> None:
    known = known_pairs()
    ethanol, water = Molecule.parse("CCO"), Molecule.parse("O")
    first, *others = known.nearest(ethanol, water, 4)
    assert (first.first, first.second, first.similarity) == ("CCO", "O", 1.0)
    assert first.values == {"absorption": 1.0}
    assert [near.similarity for near in others] == sorted(
        (near.similarity for near in others), reverse=True
    )
    for near in others:
        assert near.similarity == min(near.similarities)
    hexane = Molecule.parse("CCCCCC")
    assert known.nearest(ethanol, hexane, 1)[0].second == "CCCCCC"
    # with a task only pairs that have its value count
    assert known.nearest(ethanol, hexane, 1, task="absorption")[0].second == "O"


def test_known_pairs_of_drugs_count_both_ways_round() -> None:
    known = known_pairs(is_symmetric=True)
    there = known.nearest(Molecule.parse("O"), Molecule.parse("CCCO"), 1)[0]
    assert (there.first, there.similarity) == ("CCCO", 1.0)


def test_without_values_the_nearest_pairs_still_come() -> None:
    known = known_pairs()
    bare = KnownPairs(known.pairs, np.full((4, 1), np.nan), ["absorption"], is_symmetric=False)
    near = bare.nearest(Molecule.parse("CCO"), Molecule.parse("O"), 2, task="absorption")
    assert near[0].similarity == 1.0
    assert near[0].values == {}


def test_what_is_outside_of_training_is_told() -> None:
    molecules = [Molecule.parse("C" * n + "O") for n in range(1, 20)]
    domain = domain_of(molecules)
    assert domain.elements == ("C", "O")
    assert domain.charges == (0, 0)
    assert outside(molecules[3], domain, "solute", 1.0) == []
    platin = outside(Molecule.parse("N.N.Cl[Pt]Cl"), domain, "solute", 0.1)
    assert "Cl, N, Pt" in platin[0]
    assert "highest similarity 0.10" in platin[-1]
    (charged,) = outside(Molecule.parse("CC[O-]"), domain, "solute", None)
    assert "charge -1; in training 0" in charged
    (large,) = outside(Molecule.parse("C" * 40), domain, "solute", 0.5)
    assert "40 heavy atoms" in large
    wide = Domain(("C", "O"), 30, (-1, 1))
    assert outside(Molecule.parse("CC[O-]"), wide, "solute", None) == []


def test_errors_are_sorted_by_similarity_and_nothing_is_lost() -> None:
    bins = bins_of([0.1, 0.29, 0.3, 0.9, 1.0], [10, 20, 5, 1, 3])
    assert sum(b.n for b in bins) == 5
    assert (bins[0].n, bins[0].error) == (2, 15)
    assert (bins[-1].n, bins[-1].error) == (2, 2)
    figures = figures_of(("absorption",)).tasks["absorption"]
    assert figures.bin_of(1.0).high == 1.0
    assert figures.bin_of(0.1) is None  # no test pair was there


def test_the_error_of_a_pair_is_that_of_test_pairs_as_similar_where_enough_were_measured() -> None:
    bins = (Bin(0.0, 0.3, 56, 41.8), Bin(0.3, 0.4, 2, 0.2), Bin(0.4, 1.0, 0, 0.0))
    figures = replace(figures_of(("absorption",)).tasks["absorption"], bins=bins)
    far = figures.expected(0.1)
    assert (far.error, far.n, far.like) == (41.8, 56, bins[0])
    for similarity in (0.35, 0.9, None):  # two pairs, none, and nobody knows
        overall = figures.expected(similarity)
        assert (overall.error, overall.n, overall.like) == (21.5, 21, None)
    score = figures_of(("drug_drug",)).tasks["drug_drug"]
    assert score.expected(0.9).error == 12.0
    assert score.expected(0.1) is None  # an AUC is no error of one score


def test_a_pair_less_like_training_than_the_test_pairs_is_outside(tmp_path: Path) -> None:
    write_head(tmp_path / "head", ("absorption", "emission"))
    predictor = PairPredictor.load(tmp_path / "head")
    dye, water = Molecule.parse("CN(C)c1ccc(C#N)cc1"), Molecule.parse("O")
    judged = predictor.judged(dye, water, "absorption")
    assert judged.similarity == 0.0
    assert "hardly a test pair was as unlike" in judged.warnings[-1]
    known = predictor.judged(dye, Molecule.parse("CCO"), "absorption")
    assert known.warnings == ()
    assert known.expected.error == 12.0


@pytest.mark.parametrize("smiles", ["CCCCCC", "[Na+].[Cl-]", "OCC1OC(O)C(O)C(O)C1O"])
def test_a_chromophore_without_a_pi_system_is_outside(smiles: str) -> None:
    domain = Domain(("C", "O", "Na", "Cl"), 30, (-1, 1))
    molecule = Molecule.parse(smiles)
    (warning,) = outside(molecule, domain, "chromophore", 0.9)
    assert "no double, triple or aromatic bond" in warning
    assert outside(molecule, domain, "chromophore", 1.0) == []  # it was trained on
    assert outside(molecule, domain, "solute", 0.9) == []
    wide = Domain(("C", "N"), 30, (0, 0))
    for dye in ("C=C", "CC#N", "c1ccccc1"):
        assert outside(Molecule.parse(dye), wide, "chromophore", 0.9) == []


def test_the_same_first_molecule_elsewhere_comes_before_pairs_that_are_nearer() -> None:
    dye, other = "O=c1ccc2ccccc2o1", "Cc1ccc2ccc(=O)oc2c1"
    pairs = [(other, "CCO"), *((dye, s) for s in ("O", "CO", "Cc1ccccc1", "CCCCCO", "CCCCCC"))]
    pairs = [(Molecule.parse(a).smiles, Molecule.parse(b).smiles) for a, b in pairs]
    values = np.array([[310.0], [306.0], [300.0], [301.0], [302.0], [np.nan]])
    known = KnownPairs(pairs, values, ["absorption"], is_symmetric=False)
    asked = Molecule.parse(dye), Molecule.parse("CCO")
    assert known.nearest(*asked, 1, task="absorption")[0].first == pairs[0][0]
    first, second, third, fourth = known.beside(*asked, 4, task="absorption")
    assert {one.first for one in (first, second, third)} == {pairs[1][0]}
    assert first.second == "CCCCCO"  # of those with a value the most like ethanol
    assert first.values == {"absorption": 302.0}
    assert fourth.first == pairs[0][0]
    very, *_ = known.beside(Molecule.parse(dye), Molecule.parse("O"), 4, task="absorption")
    assert very.pair == pairs[1]


def test_of_equal_fingerprints_the_very_pair_is_the_nearest() -> None:
    dye = Molecule.parse("O=c1ccc2ccccc2o1")
    pairs = [(dye.smiles, "C" * n) for n in (9, 10, 8)]
    known = KnownPairs(pairs, np.array([[1.0], [2.0], [3.0]]), ["absorption"], is_symmetric=False)
    for smiles in ("C" * 8, "C" * 9, "C" * 10):
        (near,) = known.nearest(dye, Molecule.parse(smiles), 1, task="absorption")
        assert (near.similarity, near.second) == (1.0, smiles)


def test_a_head_is_read_as_it_was_written(tmp_path: Path) -> None:
    head = write_head(tmp_path / "head", ("absorption", "emission"))
    predictor = PairPredictor.load(tmp_path / "head")
    one, two = Molecule.parse(ASPIRIN), Molecule.parse("CCO")
    assert predictor.values(one, two) == PairPredictor(head, figures_of(head.config.tasks)).values(
        one, two
    )
    judged = predictor.judged(one, two, "emission")
    assert math.isfinite(judged.value)
    assert judged.similarity is not None
    assert len(predictor.digest) == 64


def test_a_damaged_head_says_what_is_wrong(tmp_path: Path) -> None:
    directory = tmp_path / "head"
    write_head(directory, ("absorption",))
    (directory / "figures.json").unlink()
    with pytest.raises(BundleError, match="train the head again"):
        PairPredictor.load(directory)
    write_head(directory, ("absorption",))
    (directory / "known.csv.gz").write_bytes(b"nothing")
    with pytest.raises(BundleError, match="known pairs"):
        PairPredictor.load(directory)
    config = head_config(("absorption",))
    save_component(
        directory, PairHead(config), config, ComponentInfo(PAIR_HEAD_COMPONENT, trained=False)
    )
    with pytest.raises(BundleError, match="not trained"):
        PairPredictor.load(directory)


def test_a_task_without_a_head_is_off_with_reason_and_command(tmp_path: Path) -> None:
    bench = PairBench.load(write_bundle(tmp_path / "own", ("absorption", "emission")))
    assert set(bench.predictors) == {"absorption", "emission"}
    assert set(bench.off) == {"lifetime", "solvation", "drug_drug"}
    assert "pairs_solvation.toml" in bench.off["solvation"].command
    assert "not given away" in bench.off["drug_drug"].reason
    Bundle.write(tmp_path / "none", "none", {})
    assert not PairBench.load(tmp_path / "none").predictors
    assert "cannot be read" in PairBench.load(tmp_path / "missing").off["absorption"].reason


def test_one_broken_head_does_not_take_the_others_along(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "own", ("absorption",))
    broken = bundle / "pair_heads" / "solute_solvent"
    write_head(broken, ("solvation",))
    values = json.loads((broken / "config.json").read_text())
    values["config"]["hidden"] = 99
    (broken / "config.json").write_text(json.dumps(values))
    bench = PairBench.load(bundle)
    assert set(bench.predictors) == {"absorption"}
    assert "solute_solvent cannot be read" in bench.off["solvation"].reason


def test_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    figures = figures_of(("absorption", "lifetime"))
    figures.write(tmp_path)
    assert HeadFigures.read(tmp_path) == figures
