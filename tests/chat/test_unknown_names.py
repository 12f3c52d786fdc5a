"""Molecules that a question names and nobody knows."""

import pytest

from assistant.chat.unknown_names import Named, named_in


@pytest.mark.parametrize(
    ("question", "text", "kind"),
    [
        ("molecular weight of asprin", "asprin", "word"),
        ("What is the logP of c1ccccc1(?", "c1ccccc1(", "structure"),
        ("mass of CC(C)(C", "CC(C)(C", "structure"),
        ("Is it heavier than asprin?", "asprin", "word"),
        ("how many carbons does semaglutide have?", "semaglutide", "name"),
        ("mass of 2-chloro-5-nitropyridine", "2-chloro-5-nitropyridine", "name"),
        ("mass of dopamine hydrochloride.", "dopamine hydrochloride", "name"),
        ("TPSA of C6H12N4", "C6H12N4", "structure"),
    ],
)
def test_what_stands_where_a_molecule_is_named_is_found(
    question: str, text: str, kind: str
) -> None:
    assert named_in(question) == Named(text, kind)


@pytest.mark.parametrize(
    "question",
    [
        "mass of it", "What is the number of rings?", "logP of the drug",
        "does this contain an amide?",
        "Describe molecule 1.", "effect of temperature", "for my report (for a spectrum)",
        "number of sp3 carbons", "count of C=O", "what is the IC50 of this", "m/z of [M+H]+",
        "how many ring systems has it (fused as one).", "What is the charge of the compound?",
        "tell me about QED", "", "?", "of", "is it an inhibitor of CYP3A4?",
        "is either toxic?", "is either of them water soluble?", "is neither flat?",
        "exact mass of [M+H]+?", "exact mass of [M+Na]+?", "exact mass of [M-H]-",
        "exact mass of [M+NH4]+", "m/z of [2M+H]+", "m/z of [M+2H]2+", "mass of [M+K]+.",
        "what does 4-bit mean?", "is the 18-electron rule met?", "is a 6-membered ring there?",
        "fluorine nmr of it vs CFCl3", "is tetracyclic right?", "what sorts of vitamin",
    ],
)  # fmt: skip
def test_words_of_ordinary_questions_are_no_molecules(question: str) -> None:
    assert named_in(question) is None


def test_long_and_hostile_text_takes_no_time() -> None:
    for text in ("of " * 7000, "does " * 5000, "a(" * 10_000, "1-" * 10_000, " " * 20_000):
        named_in(text)
