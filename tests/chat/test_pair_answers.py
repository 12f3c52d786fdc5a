"""Answers about pairs: written, and read back by their field."""

import pytest

from assistant.chat.pair_answers import (
    answer_form,
    parse_value,
    parse_yes_no,
    write_value,
    write_yes_no,
)
from assistant.chem.pairs import PAIR_TASKS, pair_task

VALUE_TASKS = [task for task in PAIR_TASKS.values() if task.answer == "value"]


@pytest.mark.parametrize("task", VALUE_TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("value", [-3.72, 0.0, 431.0, 12.5])
def test_what_is_written_is_read_back(task, value):
    assert parse_value(task, f"Some reasons. {write_value(task, value)}.") == value


@pytest.mark.parametrize("value", [True, False])
def test_yes_and_no_are_read_back(value):
    assert parse_yes_no(f"{write_yes_no(value)}, molecules 1 and 2 are like that.") is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The value is above -4.0 and below -3.5. Solvation free energy: -3.72 kcal/mol", -3.72),
        ("For molecule 1 in molecule 2 at 298 K, solvation free energy: −2.1 kcal/mol.", -2.1),
        ("**Solvation free energy**: -0.5 kcal/mol", -0.5),
        ("**solvation  free\nenergy:** 1.5e0 kcal/mol", 1.5),
        ("solvation free energy: -4.184 kJ/mol", -1.0),
        ("solvation free energy: -1 kcal/mol; no, solvation free energy: -2 kcal/mol", -2.0),
        ("The solvation free energy is -3.72 kcal/mol", None),
        ("solvation free energy: -3.72", None),
        ("solvation free energy: -3.72 kcal/molecule", None),
        ("solvation free energy: about three kcal/mol", None),
        ("-3.72 kcal/mol", None),
        ("", None),
    ],
)
def test_only_the_field_with_its_unit_is_a_value(text, value):
    found = parse_value(pair_task("solvation"), text)
    assert found == (value if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("fluorescence lifetime: 350 ps", 0.35),
        ("fluorescence lifetime: 2 µs", 2000.0),
        ("fluorescence lifetime: 2 μs", 2000.0),
        ("fluorescence lifetime: 2.5 ns", 2.5),
        ("fluorescence lifetime: 2.5 s", None),
    ],
)
def test_other_units_are_converted(text, value):
    found = parse_value(pair_task("lifetime"), text)
    assert found == (value if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes.", True),
        (" **No**, none is known.", False),
        ("Nothing is known of Drug1.", None),
        ("Yesterday it was", None),
        ("The drugs do not interact: no.", None),
        ("", None),
    ],
)
def test_the_first_word_decides(text, value):
    assert parse_yes_no(text) is value


def test_the_form_that_is_asked_for_is_the_form_that_is_read():
    for task in VALUE_TASKS:
        assert parse_value(task, answer_form(task).replace("<number>", "7.5")) == 7.5


def test_a_value_of_a_yes_or_no_task_is_refused():
    with pytest.raises(ValueError, match="drug_drug is answered by yes or no"):
        parse_value(pair_task("drug_drug"), "1")
