import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rdkit import Chem

from assistant.chem.sandbox import ChemPool, child_environment
from assistant.chem.templates import (
    SandboxedTemplates,
    outcomes,
    outcomes_in_time,
    template_of,
)
from assistant.errors import InvalidMoleculeError

NAMED = {
    "amide coupling": ("CC(=O)O.NCc1ccccc1", "CC(=O)NCc1ccccc1"),
    "Suzuki": ("Brc1ccncc1.OB(O)c1ccccc1", "c1ccc(-c2ccncc2)cc1"),
    "Boc deprotection": ("CC(C)(C)OC(=O)NC1CCCCC1", "NC1CCCCC1"),
    "nitro reduction": ("O=[N+]([O-])c1ccc(F)cc1", "Nc1ccc(F)cc1"),
    "ester hydrolysis": ("COC(=O)c1ccccc1", "O=C(O)c1ccccc1"),
    "N-alkylation": ("BrCc1ccccc1.C1COCCN1", "c1ccc(CN2CCOCC2)cc1"),
    "Williamson ether": ("ICC.Oc1ccc(Cl)cc1", "CCOc1ccc(Cl)cc1"),
    "Wittig": (
        "CCOC(=O)C=P(c1ccccc1)(c1ccccc1)c1ccccc1.O=Cc1ccccc1",
        "CCOC(=O)/C=C/c1ccccc1",
    ),
}
BOC = "[C:2]-[NH2;D1;+0:1]>>C-C(-C)(-C)-O-C(=O)-[NH;D2;+0:1]-[C:2]"
EVERY_BOND = "[C:1]-[C:2]>>[C:1]=[C:2]"
BROKEN = (
    "", "C", ">>", ">>C", "C>>", "C>>C>>C", "((", "[C:1>>[C:1]", "[C:1]>>[N:1]", "CCO>>[Qq]",
)  # fmt: skip


def canonical(smiles: str) -> str:
    return Chem.CanonSmiles(smiles)


def template(reactants: str, product: str) -> str:
    found = template_of(canonical(reactants), canonical(product))
    assert found is not None
    return found


def printed(program: str, *options: str, **environment: str) -> str:
    """What a process of its own prints."""
    done = subprocess.run(
        [sys.executable, *options, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env=child_environment() | environment,
    )
    return done.stdout.strip()


# -- one reaction ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMED)
def test_a_named_reaction_is_gone_back_and_forth(name: str) -> None:
    reactants, product = map(canonical, NAMED[name])
    found = template(reactants, product)
    assert outcomes(product, found, forward=False) == (reactants,)
    assert product in outcomes(reactants, found, forward=True)


@pytest.mark.parametrize("name", NAMED)
def test_a_reagent_in_the_mixture_changes_neither_template_nor_product(name: str) -> None:
    reactants, product = map(canonical, NAMED[name])
    found = template(reactants, product)
    mixture = canonical(f"{reactants}.CCN(CC)CC.Cl")
    assert template_of(mixture, product) == found
    assert outcomes(mixture, found, forward=True) == outcomes(reactants, found, forward=True)


@pytest.mark.parametrize("name", NAMED)
def test_a_template_does_not_depend_on_how_the_reaction_is_spelled(name: str) -> None:
    reactants, product = NAMED[name]
    found = template(reactants, product)
    for seed in (1, 2, 3):
        spelled = [
            Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(side), 1, randomSeed=seed)[0]
            for side in (reactants, product)
        ]
        assert template_of(*spelled) == found


def test_a_template_is_applied_to_other_molecules() -> None:
    found = template(*NAMED["amide coupling"])
    assert "CC(=O)NC1CC1" in outcomes("CC(=O)O.NC1CC1", found, forward=True)
    assert outcomes("CC(=O)NC1CC1", found, forward=False) == ("CC(=O)O.NC1CC1",)
    assert outcomes("CCO", found, forward=False) == ()


def test_both_of_two_sites_are_found_in_order() -> None:
    found = outcomes("CC(N)CCN", BOC, forward=False)
    assert len(found) == 2
    assert list(found) == sorted(found)
    assert {canonical(one) for one in found} == set(found)


@pytest.mark.parametrize(
    ("reactants", "product"),
    [
        ("CCO", "c1ccsc1"),  # nothing in common
        ("CCO", "CCO"),  # nothing happens
        ("", "CC"),
        ("CC", ""),
        ("C1CC", "CC"),
        ("CC", "C1CC"),
        ("CC(=O)O.[2H]N", "CC(=O)N[2H]"),  # rdchiral takes deuterium for hydrogen
        ("Cl[Pt@SP1](Cl)(N)N.O", "Cl[Pt@SP1](O)(N)N"),
    ],
)
def test_what_no_template_reproduces_has_none(reactants: str, product: str) -> None:
    assert template_of(reactants, product) is None


# -- stereo ---------------------------------------------------------------------------------------


def test_a_centre_that_is_not_touched_stays() -> None:
    found = template(*NAMED["amide coupling"])
    for centre in ("@", "@@"):
        amine, amide = f"C[C{centre}H](F)CN", f"C[C{centre}H](F)CNC(C)=O"
        assert outcomes(f"CC(=O)O.{amine}", found, forward=True) == (canonical(amide),)
        back = canonical(f"CC(=O)O.{amine}")
        assert outcomes(canonical(amide), found, forward=False) == (back,)


def test_a_centre_next_to_the_reaction_stays() -> None:
    reactants, product = "C[C@H](N)C(=O)OC.O=C(O)c1ccccc1", "COC(=O)[C@H](C)NC(=O)c1ccccc1"
    found = template(reactants, product)
    mirrored = [side.replace("@", "@@") for side in (reactants, product)]
    assert outcomes(canonical(mirrored[0]), found, forward=True) == (canonical(mirrored[1]),)


def test_an_inversion_inverts_each_of_two_mirror_images() -> None:
    bromide, azide = "C[C@H](Br)CC.[N-]=[N+]=[N-]", "C[C@@H](N=[N+]=[N-])CC"
    found = template(bromide, azide)
    assert outcomes(canonical(bromide), found, forward=True) == (canonical(azide),)
    other, mirrored = bromide.replace("@", "@@"), azide.replace("@@", "@")
    assert outcomes(canonical(other), found, forward=True) == (canonical(mirrored),)


def test_no_centre_is_invented() -> None:
    found = template("CC(=O)c1ccccc1", "CC(O)c1ccccc1")
    assert outcomes("CCC(=O)c1ccccc1", found, forward=True) == ()  # a methyl ketone's template
    assert outcomes("CC(=O)c1ccncc1", found, forward=True) == ("CC(O)c1ccncc1",)


def test_a_double_bond_keeps_its_side() -> None:
    found = template(*NAMED["ester hydrolysis"])
    for side in ("/", "\\"):
        ester, acid = f"C/C=C{side}CC(=O)OC", f"C/C=C{side}CC(=O)O"
        assert outcomes(canonical(ester), found, forward=True) == (canonical(acid),)


# -- what is broken or too much -------------------------------------------------------------------


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("forward", [False, True])
def test_a_broken_template_gives_nothing(broken: str, forward: bool) -> None:
    for smiles in ("CCO", "", "C1CC", "[Na+].[Cl-]"):
        assert outcomes(smiles, broken, forward=forward) == ()


def test_a_molecule_that_is_none_gives_nothing() -> None:
    for smiles in ("", "C1CC", "nonsense"):
        assert outcomes(smiles, BOC, forward=False) == ()


def test_there_are_at_most_twenty_outcomes() -> None:
    assert len(outcomes("C" * 60, EVERY_BOND, forward=False)) == 20


def test_nothing_is_printed_or_logged(capfd: pytest.CaptureFixture[str]) -> None:
    template_of("CC(=O)O.[2H]N", "CC(=O)N[2H]")
    template_of("C[S@](=O)CC.OO", "C[S@@](=O)(=N)CC")
    for broken in BROKEN:
        outcomes("C1CC", broken, forward=True)
        outcomes("CCO", broken, forward=False)
    assert capfd.readouterr() == ("", "")


def test_results_are_the_same_in_every_process() -> None:
    program = (
        "from assistant.chem.templates import outcomes, template_of\n"
        "found = template_of('C[C@H](Br)CC.[N-]=[N+]=[N-]', 'CC[C@@H](C)N=[N+]=[N-]')\n"
        f"print(found, outcomes('C' * 30, {EVERY_BOND!r}, forward=False))"
    )
    assert printed(program, PYTHONHASHSEED="1") == printed(program, PYTHONHASHSEED="2")


def test_templates_that_the_time_did_not_suffice_for_give_nothing() -> None:
    assert outcomes_in_time("NCCO", [BOC], forward=False, seconds=0.0) == ((),)
    found = outcomes_in_time("C" * 600, [EVERY_BOND] * 50, forward=False, seconds=0.2)
    assert len(found) == 50
    assert found[0] != ()
    assert found[-1] == ()


# -- the child ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pool() -> Iterator[ChemPool]:
    with ChemPool(1) as pool:
        pool.call("inspect", text="C")
        yield pool


def test_the_child_gives_the_same_as_the_call_here(pool: ChemPool) -> None:
    sandboxed = SandboxedTemplates(pool)
    templates = [template(*NAMED[name]) for name in ("amide coupling", "Boc deprotection")]
    templates.append("C>>")
    for smiles in ("CC(=O)NCCN", "CC(=O)O.NCCN", "CC(C)(C)OC(=O)NCCNC(C)=O"):
        for forward in (False, True):
            here = tuple(outcomes(smiles, one, forward=forward) for one in templates)
            assert sandboxed(smiles, templates, forward=forward) == here
    assert sandboxed("CCO", [], forward=True) == ()


def test_the_child_answers_within_its_time_and_lives_on(pool: ChemPool) -> None:
    child = pool._workers[0].pid
    started = time.perf_counter()
    answer = pool.call(
        "outcomes", smiles="C" * 600, templates=[EVERY_BOND] * 50, forward=False, budget=0.2
    )
    assert time.perf_counter() - started < 4.0
    assert len(answer["outcomes"]) == 50
    assert answer["outcomes"][-1] == []
    assert pool._workers[0].pid == child


def test_the_child_refuses_what_is_no_molecule(pool: ChemPool) -> None:
    with pytest.raises(InvalidMoleculeError):
        SandboxedTemplates(pool)("C1CC", [BOC], forward=False)


def test_rdchiral_is_imported_when_it_is_first_needed() -> None:
    program = "import sys, assistant.chem.worker; print('rdchiral' in sys.modules)"
    assert printed(program) == "False"


def test_rdchiral_loads_where_its_warnings_are_errors_and_nothing_is_compiled(
    tmp_path: Path,
) -> None:
    program = (
        "from assistant.chem.templates import outcomes\n"
        f"print(outcomes('CN', {BOC!r}, forward=False))"
    )
    found = printed(program, "-W", "error", PYTHONPYCACHEPREFIX=str(tmp_path))
    assert found == "('CNC(=O)OC(C)(C)C',)"
