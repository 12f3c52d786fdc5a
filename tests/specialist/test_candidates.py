"""Candidates are what likely templates make, and templates and language model rank them."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant.chem.molecule import Molecule
from assistant.errors import BundleError, ChemistryTimeoutError
from assistant.specialist.candidates import Candidate, Opinion, Proposer, ranked
from assistant.specialist.templates import (
    ClassifierConfig,
    ReactionTemplates,
    Weights,
    write_templates,
)
from tests.specialist.templates import (
    EXAMPLES,
    acylations,
    in_process,
    opinionated,
    reaction_templates,
    write_acylations,
)

PARACETAMOL = Molecule.parse("CC(=O)Nc1ccc(O)cc1").smiles
AMINE = "Nc1ccc(O)cc1"


def proposer(*, forward: bool = False, **config: object) -> Proposer:
    return Proposer(reaction_templates(**config), in_process, forward=forward)


def canonical(smiles: str) -> str:
    return Molecule.parse(smiles).smiles


def test_the_likeliest_templates_come_first() -> None:
    likely = reaction_templates((0.1, 0.2, 0.7)).likeliest(PARACETAMOL, 2)
    assert [template for template, _ in likely] == [acylations()[2], acylations()[1]]
    assert [p for _, p in likely] == pytest.approx([0.7, 0.2], rel=1e-3)


def test_candidates_are_what_templates_make() -> None:
    found = proposer().candidates(PARACETAMOL)
    acids = [example.split(".")[0] for example in EXAMPLES]
    assert [c.smiles for c in found] == [canonical(f"{acid}.{AMINE}") for acid in acids]
    assert [c.probability for c in found] == pytest.approx([0.6, 0.3, 0.1], rel=1e-3)
    assert [c.n_reactions for c in found] == [10, 20, 30]
    assert proposer().candidates(PARACETAMOL, 1) == found[:1]


def test_the_other_direction_makes_the_product() -> None:
    found = proposer(forward=True).candidates(canonical(f"CC(=O)O.{AMINE}.ClCCl"))
    assert found[0].smiles == PARACETAMOL
    assert found[0].probability == pytest.approx(0.6, rel=1e-3)


def test_what_fits_no_template_has_no_candidates() -> None:
    assert proposer().candidates("CCCC") == ()


def test_templates_that_make_the_same_count_together() -> None:
    twice = (acylations()[0], acylations()[0])
    both = ReactionTemplates(opinionated((0.75, 0.25)), twice)
    (found,) = Proposer(both, in_process, forward=False).candidates(PARACETAMOL)
    assert found.probability == pytest.approx(1.0, rel=1e-3)


def test_a_product_that_is_given_already_is_none() -> None:
    def unchanged(smiles: str, templates: Sequence[str], *, forward: bool) -> tuple:
        return ((AMINE, PARACETAMOL),) + ((),) * (len(templates) - 1)

    found = Proposer(reaction_templates(), unchanged, forward=True).candidates(f"CCO.{AMINE}")
    assert [c.smiles for c in found] == [PARACETAMOL]


def test_what_the_language_model_wrote_comes_after() -> None:
    amide = canonical("CC(=O)OC(=O)c1ccccc1.Nc1ccc(O)cc1")
    known = proposer().candidates(PARACETAMOL)
    written = {amide: 3, known[1].smiles: 2}
    found = proposer().candidates(PARACETAMOL, written=written)
    assert [c.smiles for c in found] == [*(c.smiles for c in known), amide]
    assert [c.n_written for c in found] == [0, 2, 0, 3]
    assert found[-1].probability == 0
    # One that templates make, but not among the likeliest few, keeps what they say of it.
    first, last = proposer().candidates(PARACETAMOL, 1, written={known[2].smiles: 1})
    assert (first, last.n_reactions) == (known[0], 30)
    assert last.probability == pytest.approx(known[2].probability)


def test_without_templates_there_is_what_was_written() -> None:
    alone = proposer().alone()
    assert alone.candidates(PARACETAMOL) == ()
    assert [c.smiles for c in alone.candidates(PARACETAMOL, written={"CCO": 1})] == ["CCO"]
    assert alone.config.weights == proposer().config.alone
    nothing = Proposer(None, in_process, forward=True)
    assert nothing.config.weights == ClassifierConfig(1).alone


def test_every_opinion_ranks() -> None:
    two = [Candidate("C", 0.8, 1), Candidate("N", 0.2, 1, n_written=4)]
    said = [Opinion(-9.0, -2.0), Opinion(-1.0, -3.0)]
    by_templates = ranked(two, said, ClassifierConfig(2, weights=Weights(template=1.0)))
    assert [r.share for r in by_templates] == pytest.approx([0.8, 0.2])
    first, second = ranked(two, said, ClassifierConfig(2, weights=Weights(lm=1.0)))
    assert (first.candidate.smiles, second.candidate.smiles) == ("N", "C")
    assert first.share / second.share == pytest.approx(math.exp(8.0))
    first, second = ranked(two, said, ClassifierConfig(2, weights=Weights(lm_return=1.0)))
    assert first.candidate.smiles == "C"
    assert first.share / second.share == pytest.approx(math.exp(1.0))
    first, second = ranked(two, said, ClassifierConfig(2, weights=Weights(written=1.0)))
    assert first.share / second.share == pytest.approx(4.3 / 0.3)


def test_the_way_back_is_asked_of_the_other_direction() -> None:
    back = proposer(forward=True)
    there = Proposer(reaction_templates(), in_process, forward=False, opposite=back)
    found = [there.returned(c.smiles, PARACETAMOL) for c in there.candidates(PARACETAMOL)]
    # Each way needs its own template on the way back; half an anhydride is an acid, too.
    assert found == pytest.approx([0.6, 0.3, 0.7], rel=1e-2)
    assert proposer().returned(f"CC(=O)O.{AMINE}", PARACETAMOL) is None


def test_a_way_back_that_takes_too_long_is_no_opinion() -> None:
    def slow(*_: object, **__: object) -> tuple:
        raise ChemistryTimeoutError("Applying reaction templates took more than 4 s.")

    back = Proposer(reaction_templates(), slow, forward=True)
    there = Proposer(reaction_templates(), in_process, forward=False, opposite=back)
    assert there.returned(f"CC(=O)O.{AMINE}", PARACETAMOL) is None


def test_reagents_need_not_come_back() -> None:
    back = proposer()
    there = Proposer(reaction_templates(), in_process, forward=True, opposite=back)
    given = canonical(f"CC(=O)O.{AMINE}.ClCCl")
    assert there.returned(PARACETAMOL, given) == pytest.approx(0.6, rel=1e-2)


def test_shares_leave_room_for_what_no_template_makes() -> None:
    two = [Candidate("C", 0.8, 1), Candidate("N", 0.0, 1)]
    config = ClassifierConfig(2, covered=0.75)
    found = ranked(two, [Opinion(-5e3), Opinion(-6e3)], config)  # and neither overflows
    assert sum(r.share for r in found) == pytest.approx(0.75)


def test_other_weights_leave_the_proposer_as_it_is() -> None:
    own, other = proposer(), Weights(lm=0.5)
    assert own.weighed(other).config.weights == other
    assert own.config.weights == ClassifierConfig(3).weights


def test_templates_come_back_as_written(tmp_path: Path) -> None:
    weights = Weights(0.5, 0.25, 0.125)
    write_acylations(tmp_path, "retrosynthesis", weights=weights)
    found = ReactionTemplates.load(tmp_path / "templates" / "retrosynthesis")
    assert found.templates == acylations()
    assert found.config.weights == weights
    assert isinstance(found.config.alone, Weights)
    before = reaction_templates().likeliest(PARACETAMOL, 3)
    for (template, p), (kept, q) in zip(found.likeliest(PARACETAMOL, 3), before, strict=True):
        assert template == kept
        assert p == pytest.approx(q, abs=0.01)  # 8 bit


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda place: (place / "templates.json.gz").unlink(), "missing"),
        (lambda place: (place / "templates.json.gz").write_bytes(b"x"), "no templates"),
        (lambda place: (place / "model.safetensors").unlink(), "missing"),
    ],
    ids=["no list", "damaged list", "no weights"],
)
def test_damaged_templates_are_refused(tmp_path: Path, damage: object, told: str) -> None:
    write_acylations(tmp_path, "product")
    place = tmp_path / "templates" / "product"
    damage(place)
    with pytest.raises(BundleError, match=told):
        ReactionTemplates.load(place)


def test_a_list_of_another_length_is_refused(tmp_path: Path) -> None:
    write_acylations(tmp_path, "product")
    place = tmp_path / "templates" / "product"
    write_templates(place, acylations()[:2])
    with pytest.raises(BundleError, match=r"2 templates where model\.safetensors has 3"):
        ReactionTemplates.load(place)


@pytest.mark.parametrize("values", [{"n_templates": 0}, {"n_templates": 1, "covered": 0.0}])
def test_impossible_classifiers_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"a classifier needs|covered"):
        ClassifierConfig(**values)
