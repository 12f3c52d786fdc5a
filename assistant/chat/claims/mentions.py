"""Words and small readers by which `subjects` recognises who is spoken of."""

from collections.abc import Sequence
from typing import Literal

from assistant.chat.claims.text import Token
from assistant.chat.claims.wordlist import words

NOUNS = words(
    "molecule molecules compound compounds structure structures mol mols cpd substance drug "
    "reactant product ligand"
)
THIS = words("the this that said given drawn above present parent")
NUMBER_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4}
ORDINALS = {"first": 0, "former": 0, "second": 1, "latter": 1, "third": 2, "fourth": 3}
COMPARED = words("than unlike versus vs like alike resembles")
FROM_TO = words("to with from by into via using through against")
FOREIGN = words(
    "product products metabolite metabolites derivative derivatives analogue analogues analog "
    "analogs precursor precursors intermediate intermediates reagent reagents catalyst "
    "catalysts nucleophile electrophile hydrolysate byproduct byproducts prodrugs dimer "
    "dimers polymer polymers monomer monomers adduct adducts conjugate tautomer tautomers "
    "enantiomer enantiomers diastereomer diastereomers epimer isomers isomer solvent solvents "
    "protein enzyme enzymes receptor receptors linker impurity impurities fragment fragments "
    "peak ion drugs molecules homologue homologues congener congeners relatives counterpart "
    "carbocation racemate cation anion radical enolate species class family inhibitors salt "
    "salts hydrochloride hydrate antagonists agonists antibiotics people chemists water"
)
GENERIC_DETERMINERS = words("many most some such other typical any every several")
VERBS = words(
    "is are was were has have had contains contain features feature bears bear carries carry "
    "includes include possesses possess lacks lack shows show consists consist does do "
    "comprises comprise exhibits exhibit weighs would can cannot passes pass violates violate "
    "satisfies obeys complies fails meets fulfils fulfills respects incorporates displays weigh "
    "don't doesn't aren't isn't"
)
COUNTED = words(
    "groups alerts donors acceptors rings bonds atoms centres centers stereocentres "
    "stereocenters features moieties violations properties values systems facts numbers"
)
DESCRIBES = words("( , which that containing with ' :")
BE = words("is are was were be as being called termed named")
PREPOSITIONS = words("of in for within on about concerning regarding to")
EACH = words("both each all they these neither")


def is_introduced(tokens: Sequence[Token], i: int) -> bool:
    """Whether a noun stands as a subject: "the product", "its main metabolite", "Derivatives …"."""
    if tokens[i].text == "molecules" and tokens[i - 1].text in (
        "both",
        "two",
        "these",
        "all",
        "the",
        "neither",
    ):
        return False
    for j in range(i - 1, max(-1, i - 4), -1):
        word = tokens[j].text
        if word in ("the", "its", "their", "this", "these", "such", "many", "most", "some"):
            return j == 0 or tokens[j - 1].text not in BE | FROM_TO | PREPOSITIONS | {"as"}
        if tokens[j].kind != "word" or word in BE | FROM_TO | PREPOSITIONS | VERBS | {
            "a",
            "an",
            "as",
        }:
            return tokens[j].text in (",", ":") and j == i - 1
        if j == 0:
            return True
    return i == 0


def is_part_of_name(tokens: Sequence[Token], first: int, behind: int) -> bool:
    """Whether a name is only a piece of one: "morphine-6-glucuronide"."""
    if first > 0 and tokens[first - 1].text in FOREIGN:
        return True
    glued = (
        behind < len(tokens)
        and tokens[behind].text == "-"
        and tokens[behind].start == tokens[behind - 1].end
    )
    before = (
        first > 0 and tokens[first - 1].text == "-" and tokens[first - 1].end == tokens[first].start
    )
    return glued or before


def role(tokens: Sequence[Token], first: int) -> Literal["subject", "object"]:
    """An object stands behind "than", "unlike", "compared with", "from", "not", …."""
    before = [t.text for t in tokens[max(0, first - 3) : first]]
    while before and before[-1] in ("the", "that", "those", "of", "in", "for", ","):
        if before[-1] in ("of", "in", "for") and not any(w in COMPARED for w in before):
            break
        before.pop()
    if before and before[-1] in COMPARED | FROM_TO | {"not"}:
        return "object"
    return "object" if any(w in COMPARED for w in before[-2:]) else "subject"


def number_list(tokens: Sequence[Token], i: int, *, single: bool) -> tuple[tuple[int, ...], int]:
    """As in "2", "1 and 3", "1, 2 and 3" from a token on."""
    numbers: list[int] = []
    while i < len(tokens):
        value = molecule_number(tokens[i])
        if value is None:
            break
        numbers.append(value)
        i += 1
        if single:
            break
        joint = i
        while joint < len(tokens) and tokens[joint].text in (",", "and", "&"):
            joint += 1
        if joint == i or joint >= len(tokens) or molecule_number(tokens[joint]) is None:
            break
        if (
            joint + 1 < len(tokens)
            and tokens[joint + 1].kind == "word"
            and not _goes_on(tokens, joint + 1)
            and tokens[joint + 1].text
            not in VERBS
            | {"both", "each", "all", "share", "differ", "in", "are", "is", "respectively"}
        ):
            break
        i = joint
    return tuple(numbers), i


def _goes_on(tokens: Sequence[Token], i: int) -> bool:
    """Whether a list of numbers goes on here: "and 3"."""
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    return tokens[i].text == "and" and following is not None and following.kind == "number"


def molecule_number(token: Token) -> int | None:
    """The number a token gives to a molecule: "2", "two"; None for other tokens."""
    if token.kind == "number" and token.decimals == 0 and 0 < token.value < 1000:
        return int(token.value) if token.text.isdigit() else None
    return NUMBER_WORDS.get(token.text)


def joined(tokens: Sequence[Token], i: int) -> tuple[tuple[int, ...], int] | None:
    """As in "and molecule 2" behind "molecule 1", unless a verb of its own follows."""
    if i + 2 >= len(tokens) or tokens[i].text not in ("and", "&"):
        return None
    at = tokens[i + 1].text == "@"
    if not at and tokens[i + 1].text not in NOUNS:
        return None
    numbers, behind = number_list(tokens, i + 2, single=True)
    singular = {"is", "has", "contains", "lacks", "bears", "features", "does"}
    if not numbers or (behind < len(tokens) and tokens[behind].text in singular):
        return None
    return numbers, behind


def starts_clause(tokens: Sequence[Token], i: int) -> bool:
    """Whether a clause begins at token `i`."""
    return i == 0 or tokens[i - 1].text in (
        "while",
        "whereas",
        "because",
        "since",
        "as",
        "but",
        ":",
    )


def first_verb(tokens: Sequence[Token], i: int) -> int | None:
    """Index of the first verb within a few words behind token `i`."""
    for j in range(i + 1, min(i + 7, len(tokens))):
        if tokens[j].text in VERBS:
            return j
        if tokens[j].kind == "symbol" and tokens[j].text != "-":
            return None
    return None
