import pytest

from assistant.errors import AssistantError, InvalidMoleculeError
from tests.ui.fakes import InProcessChemistry
from ui.molecules import look_up_text
from ui.workbench import error_html, facts_html, rounded, subscripts, summary_html


@pytest.mark.parametrize(
    ("formula", "html"),
    [
        ("C9H8O4", "C<sub>9</sub>H<sub>8</sub>O<sub>4</sub>"),
        ("C12H22", "C<sub>12</sub>H<sub>22</sub>"),
        ("C2H3O2-", "C<sub>2</sub>H<sub>3</sub>O<sub>2</sub><sup>−</sup>"),
        ("Ca+2", "Ca<sup>2+</sup>"),
    ],
)
def test_formulas_are_set_as_chemists_write_them(formula: str, html: str) -> None:
    assert subscripts(formula) == html


@pytest.mark.parametrize(
    ("value", "text"), [(-0.0014, "0.00"), (0.0, "0.00"), (-0.02, "-0.02"), (1.236, "1.24")]
)
def test_a_value_that_rounds_to_zero_has_no_sign(value: float, text: str) -> None:
    assert rounded(value, "{:.2f}") == text


def test_the_facts_panel_says_everything_computed(chemistry: InProcessChemistry) -> None:
    found = look_up_text(chemistry, "CC(=O)Oc1ccccc1C(=O)O")
    html = facts_html(found, before=None, number=1)
    labels = ["exact mass", "InChIKey", "cLogP", "TPSA", "QED", "Fsp3", "rule of five"]
    values = ["carboxylic acid", "Brenk", "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"]
    assert [words for words in labels + values if words not in html] == []
    assert 'data-atoms="' in html
    assert html.count('class="computed"') > 15


def test_the_summary_says_how_many_stereocentres_are_set(chemistry: InProcessChemistry) -> None:
    found = look_up_text(chemistry, "C[C@H](N)C(O)Cl")
    assert "1 of 2 stereocentres set" in summary_html(found, None)


def test_a_salt_offers_its_parent_and_the_way_back(chemistry: InProcessChemistry) -> None:
    found = look_up_text(chemistry, "CC(=O)[O-].[Na+]")
    assert "use the parent" in facts_html(found, before=None, number=None)
    parent = look_up_text(chemistry, str(found["normalisation"]["smiles"]))
    assert 'data-act="restore"' in facts_html(parent, before="CC(=O)[O-].[Na+]", number=None)


def test_the_caret_stands_under_the_offending_character() -> None:
    error = InvalidMoleculeError("No molecule.", source="CC(=O)X", position=6, fix="CC(=O)")
    html = error_html(error)
    assert "CC(=O)X\n      <b>^</b>" in html
    assert 'data-text="CC(=O)"' in html


def test_the_caret_follows_a_long_text_and_stays_inside_it() -> None:
    source = "C" * 500 + "X" + "C" * 500
    shown = error_html(InvalidMoleculeError("No.", source=source, position=500))
    line = shown.split('translate="no">')[1].split("\n")[0]
    assert "X" in line
    assert len(line) < 60
    assert "<b>^</b>" in error_html(InvalidMoleculeError("No.", source="C", position=99))


def test_hostile_text_in_an_error_is_escaped() -> None:
    evil = "<img src=x onerror=alert(1)>"
    html = error_html(
        InvalidMoleculeError(f"No molecule in '{evil}'", source=evil, position=3, fix=evil)
    )
    assert "<img" not in html


def test_a_hostile_name_is_escaped_everywhere(chemistry: InProcessChemistry) -> None:
    found = look_up_text(chemistry, "CCO") | {"name": "<script>x</script>"}
    html = facts_html(found, before=None, number=None) + summary_html(found, None)
    assert "<script" not in html


def test_no_molecule_gives_a_hint_not_an_error() -> None:
    assert "Draw a molecule" in facts_html({}, before=None, number=None)


def test_a_plain_error_needs_no_caret() -> None:
    assert "caret" not in error_html(AssistantError("Too big."))
