import random

import pytest

from assistant.chem.diagnose import explain, is_unfinished, parses, shorten

# text, words of the reason, position, fix
MISTAKES = [
    ("C1CC", "ring 1 is not closed", 1, "C1CC1"),
    ("c1ccccc", "ring 1 is not closed", 1, "c1ccccc1"),
    ("C1CC2", "rings 1 and 2 are not closed", 1, ...),
    ("C%12CC", "ring 12 is not closed", 1, "C%12CC%12"),
    ("C11", "opens and closes on the same atom", 2, "C"),
    ("CC(C", "parenthesis '(' is not closed", 2, "CC(C)"),
    ("CC(C(C", "2 parentheses are not closed", 2, "CC(C(C))"),
    ("CC)C", "closes no '('", 2, "CCC"),
    ("C()C", "these parentheses are empty", 1, "CC"),
    ("C((C))", "no atom before this '('", 2, "C(C)"),
    ("C=", "no atom after the bond '='", 1, "C"),
    ("=CC", "no atom before the bond '='", 0, "CC"),
    ("C==C", "'==' is not a bond", 1, "C=C"),
    ("C..C", "a dot with no molecule beside it", 1, "C.C"),
    ("1CC", "no atom before '1'", 0, "CC"),
    ("C[C@H(N)C(=O)O", "bracket '[' is not closed", 1, "C[C@H](N)C(=O)O"),
    ("C]C", "closes no bracket", 1, "CC"),
    ("CC@H](N)O", "a bracket '[' is missing", 1, "C[C@H](N)O"),
    ("CNH3+]", "a bracket '[' is missing", 1, "C[NH3+]"),
    ("CC[Zz]", "'Zz' in '[Zz]' is not an element", 3, None),
    ("C[]C", "brackets '[]' are empty", 1, ...),
    ("[Ca2+]", "not written as", 0, "[Ca+2]"),
    ("[NA+].[Cl-]", "'NA' in '[NA+]' is not an element", 1, "[Na+].[Cl-]"),
    ("[H3N+]C", "not written as", 0, "[NH3+]C"),
    ("[N+H3]C", "not written as", 0, "[NH3+]C"),
    ("[nh]1cccc1", "is not an element", 1, "[nH]1cccc1"),
    ("[C13]", "not written as", 0, "[13C]"),
    ("CL", "chlorine is written 'Cl', not 'CL'", 0, "Cl"),
    ("CCCL", "chlorine is written 'Cl'", 2, "CCCl"),
    ("BR", "bromine is written 'Br'", 0, "Br"),
    ("CCbr", "bromine is written 'Br'", 2, "CCBr"),
    ("CC(=O)ONa", "sodium must stand in square brackets", 7, "CC(=O)O[Na]"),
    ("CSiC", "silicon must stand in square brackets", 1, "C[Si]C"),
    ("RC", "any group is written '*'", 0, "*C"),
    ("DC", "deuterium is written [2H]", 0, "[2H]C"),
    ("PhCO", "'Ph' is an abbreviation", 0, "c1ccccc1CO"),
    ("CC–C", "the character '–' is not used", 2, "CC-C"),
    ("CCj", "'j' is not an element symbol", 2, "CC"),
    ("CC C", "a SMILES has no spaces", 2, "CCC"),
    ("CH3COOH", "this is a formula", 1, "CC(=O)O"),
    ("CH3CH2OH", "this is a formula", 1, "CCO"),
    ("C9H8O4", "which many molecules share", 2, None),
    ("C(C)(C)(C)(C)C", "carbon (atom 1, C) has 5 bonds; it takes at most 4", 0, None),
    ("C#C#C", "carbon (atom 2, C) has 6 bonds", 2, "C#CC"),
    ("CN(C)(C)C", "nitrogen (atom 2, N) has 4 bonds; it takes at most 3", 1, "C[N+](C)(C)C"),
    ("C[N](C)(C)C", "nitrogen (atom 2, N) has 4 bonds", 1, "C[N+](C)(C)C"),
    ("C~C", "'~' stands for any bond, which is a search pattern", 1, "CC"),
    ("C[999CH3]", "carbon has no known isotope of mass number 999", 2, "C[CH3]"),
    ("C[N+](C)(C)(C)C", "with charge +1) has 5 bonds; it takes at most 4", 1, None),
    ("FC(F)(F)F(F)", "fluorine (atom 5, F) has 2 bonds; it takes at most 1", 8, None),
    ("c1cccn1", "cannot be drawn with alternating double bonds", 5, "c1ccc[nH]1"),
    ("n1cccc1", "cannot be drawn with alternating double bonds", 0, "[nH]1cccc1"),
    ("O=c1ccncc1", "an H on N may be missing", 6, "O=c1cc[nH]cc1"),
    ("c1cc[nH]cc1", "alternating double bonds", ..., "c1ccncc1"),
    ("cc", "aromatic but in no ring", 0, "CC"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason", "position", "fix"), MISTAKES, ids=[m[0] for m in MISTAKES]
)
def test_each_mistake_is_named_located_and_mended(
    text: str, reason: str, position: int, fix: str | None
) -> None:
    error = explain(text)
    assert reason in str(error)
    assert error.source == text
    assert position is ... or error.position == position
    assert fix is ... or error.fix == fix


def test_the_sentence_is_the_one_a_chemist_expects() -> None:
    assert str(explain("C1CC")) == "No molecule in 'C1CC': ring 1 is not closed."


def test_several_mistakes_are_mended_together() -> None:
    assert explain("CC(=O)Oc1ccccc1C(=O").fix == "CC(=O)Oc1ccccc1C(=O)"
    assert explain("C1CC(CL").fix is not None


def test_positions_count_in_the_text_as_given() -> None:
    error = explain("   C1CC")
    assert error.source[error.position] == "1"


def test_a_long_text_is_shown_round_the_mistake() -> None:
    text = "C" * 300 + "(C)(C)(C)C" + "C" * 300
    message = str(explain(text))
    assert len(message) < 160
    assert "(C)(C)(C)" in message


def test_control_characters_do_not_enter_the_message() -> None:
    assert "\x00" not in str(explain("C\x00C"))
    assert "\x1b" not in shorten("C\x1b[31mC")


def test_spoilt_smiles_never_crash_and_fixes_always_parse() -> None:
    rng = random.Random(5)
    letters = "()[]=#123CNOclBrxX@+-. %/\\>*"
    sources = [
        "CC(=O)Oc1ccccc1C(=O)O",
        "CN1CCC[C@H]1c1cccnc1",
        "C[C@]12CC[C@H]3[C@@H](CCc4cc(O)ccc34)[C@@H]1CC[C@@H]2O",
        "[O-][N+](=O)c1ccc(Cl)cc1.[Na+].[Cl-]",
        "F/C=C/C%12CCCC%12",
    ]
    for _ in range(600):
        text = list(rng.choice(sources))
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(text))
            text[place : place + rng.randint(0, 2)] = rng.choice(letters)
        spoilt = "".join(text)
        is_unfinished(spoilt)
        if not spoilt.strip() or parses(spoilt.strip()):
            continue
        error = explain(spoilt)
        assert error.position is not None
        assert 0 <= error.position < len(spoilt)
        assert error.fix is None or parses(error.fix)


UNFINISHED = [
    *("", "C(", "CC(=O", "C1", "c", "cc", "c1cc", "C=", "C#", "C/", "C-", "CC.", "[", "[N", "[NH"),
    *("[NH4+", "C[C@H", "C%", "C%1", "CC(=O)Oc1ccccc1C(", "CCO>", "CCO>>", "CCO>>C("),
    *("In", "InChI=", "50-", "50-78-"),
]
FINISHED = [
    *("CCO", "CL", "CCX", "C)", "CC)C(", "C(C)(C)(C)(C)C", "c1cccn1", "hello", "C[Zz]", "C==C"),
    *("CC C", "<script>", "CCO>>CC=O"),
]


@pytest.mark.parametrize("text", UNFINISHED)
def test_half_typed_text_is_unfinished(text: str) -> None:
    assert is_unfinished(text)


@pytest.mark.parametrize("text", FINISHED)
def test_what_typing_on_cannot_mend_is_not_unfinished(text: str) -> None:
    assert not is_unfinished(text)


def test_no_step_of_typing_aspirin_shows_an_error() -> None:
    smiles = "CC(=O)Oc1ccccc1C(=O)O"
    for end in range(1, len(smiles) + 1):
        typed = smiles[:end]
        assert parses(typed) or is_unfinished(typed), typed


def test_no_step_of_typing_a_charged_chiral_smiles_shows_an_error() -> None:
    smiles = "C[C@@H]([NH3+])C(=O)[O-].[Na+].c1cc2c(cc1Br)%10[nH]cc2CCl%10"
    for end in range(1, len(smiles)):
        typed = smiles[:end]
        assert parses(typed) or is_unfinished(typed), typed
