"""Pair tasks and the order of a pair."""

import pytest

from assistant.chem.molecule import Molecule
from assistant.chem.pairs import PAIR_ROLES, PAIR_TASKS, MoleculePair, pair_task
from assistant.errors import AssistantError

ETHANOL, WATER = Molecule.parse("CCO"), Molecule.parse("O")


def test_only_tasks_with_equal_roles_are_symmetric() -> None:
    assert {name for name, task in PAIR_TASKS.items() if task.is_symmetric} == {"drug_drug"}


def test_every_task_has_known_roles_and_values_have_a_unit() -> None:
    for task in PAIR_TASKS.values():
        assert set(task.roles) <= set(PAIR_ROLES)
        assert bool(task.unit) == bool(task.quantity) == (task.answer == "value")


def test_a_symmetric_pair_has_one_key_and_one_order() -> None:
    task = pair_task("drug_drug")
    there, back = MoleculePair(ETHANOL, WATER, task), MoleculePair(WATER, ETHANOL, task)
    assert there.key == back.key
    assert there.canonical() == back.canonical()


def test_the_order_of_other_pairs_stays() -> None:
    task = pair_task("solvation")
    there, back = MoleculePair(WATER, ETHANOL, task), MoleculePair(ETHANOL, WATER, task)
    assert there.key != back.key
    assert there.canonical() is there
    assert back.canonical() is back


def test_an_unknown_task_is_refused_with_those_there_are() -> None:
    with pytest.raises(AssistantError, match="no pair task 'ddi'; choose one of drug_drug, solv"):
        pair_task("ddi")
