"""Yes/no statements about the whole molecule: aromatic, chiral, neutral, acyclic, rule of five."""

from collections.abc import Callable, Iterator
from functools import lru_cache

from rdkit import Chem

from assistant.chat.claims.lexicon import match_words
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.subjects import NOUNS
from assistant.chem.facts import Facts
from assistant.chem.molecule import Molecule

Test = Callable[[Facts], Finding]

_WHOLE = NOUNS | {"species", "overall", "one", "ion", "hydrocarbon"}
_ADVERBS = frozenset(
    "not also therefore thus overall fully electrically entirely clearly formally and both a an the "
    "small simple polar flat organic planar , itself highly completely certainly indeed all".split()
)
_PARTS = frozenset(
    "ring rings system core group groups nitrogen oxygen atom ph solution form value side chain charge part "
    "moiety fragment portion carbon centre center there nature character bond what".split()
)
_ACID_BASE = frozenset(
    "ph physiological protonated deprotonated ionised ionized aqueous buffer acidic basic conjugate".split()
)
_BREAKS = frozenset("violates violate breaks break fails fail violating exceeds".split())
_KEEPS = frozenset(
    "passes pass satisfies satisfy satisfying obeys obey complies comply meets meet follows follow fulfils fulfills "
    "fulfil respects respect conforms conform adheres adhere within compliant passing obeying meeting "
    "complying fulfilling following consistent".split()
)
_RULE = (("rule", "of", "five"), ("rule", "of", "5"), ("lipinski",), ("ro5",), ("rules", "of", "five"))


def read_statements(reading: Reading) -> Iterator[Claim]:
    """All such statements of the sentence."""
    inside = {i for t in reading.terms for i in range(t.first, t.behind)}
    for i, token in enumerate(reading.tokens):
        if i in inside or reading.is_silent(i):
            continue
        phrase = _adjective_at(reading, i)
        if phrase is not None and _describes_whole(reading, phrase[0], phrase[1]):
            yield _adjective_claim(reading, phrase[0], phrase[1], phrase[2])
        elif token.text in _KEEPS | _BREAKS and (claim := _rule_claim(reading, i)):
            yield claim


def _adjective_at(reading: Reading, i: int) -> tuple[int, int, str] | None:
    """First token, index behind, and key of an adjective phrase that ends a statement."""
    word, before = reading.word(i), reading.word(i - 1)
    if word == "charged" and before in ("positively", "negatively", "doubly", "un"):
        return i - 1, i + 1, f"{before} charged"
    if word in ("aromatic", "chiral", "cyclic") and before in ("-", "non") and reading.word(i - 2 + (before == "non")) == "non":
        first = i - 2 if before == "-" else i - 1
        return first, i + 1, f"non{word}"
    if word == "charged" or word in _TESTS:
        return i, i + 1, word
    return None


def _describes_whole(reading: Reading, first: int, behind: int) -> bool:
    """Whether the adjective is said of a molecule: "is achiral", "an aromatic compound"."""
    follower = reading.word(behind)
    if follower in ("-", "/") or (follower and reading.tokens[behind].kind == "word" and follower not in _WHOLE | {
        "and", "but", "or", "because", "since", "as", "with", "at", "so", "overall", "while", "whereas",
        "under", "in", "due", "which", "having"}):  # fmt: skip
        return False
    if follower == "or" or reading.word(first - 1) in ("or", "more", "less", "most"):
        return False
    if follower == "and" and reading.word(behind + 1) in ("aliphatic", "non", "positively", "negatively"):
        return False
    context = reading.context[first]
    if context.mode != "is":
        return follower in _WHOLE and reading.word(first - 1) in ("a", "an", "this", "the") and context.mode == ""
    verb = context.verb
    if reading.word(verb - 1) in _PARTS or any(t.behind == verb for t in reading.terms):
        return False
    between = [reading.word(i) for i in range(verb + 1, first)]
    return all(w in _ADVERBS or w in _TESTS or w in ("-", "non") for w in between)


def _adjective_claim(reading: Reading, first: int, behind: int, key: str) -> Claim:
    test: Test | None = _TESTS.get(key)
    if key in _CHARGE_WORDS and any(t.text in _ACID_BASE for t in reading.tokens):
        test = None
    context = reading.context[first]
    kind = _KINDS.get(key, "charge" if key in _CHARGE_WORDS else "rings")
    return reading.claim(first, behind, kind, test, negated=context.negated and context.mode == "is")


def _rule_claim(reading: Reading, i: int) -> Claim | None:
    """ "passes Lipinski's rule of five", "does not violate the rule of five"."""
    behind = 0
    for j in range(i + 1, min(i + 9, len(reading.tokens))):
        for words in _RULE:
            behind = max(behind, match_words(reading.tokens, j, words))
        if reading.tokens[j].text in (".", ";", "but"):
            break
    if not behind or any(t.term.key == "ro5" for t in reading.terms):
        return None
    breaks = reading.word(i) in _BREAKS
    words_before = [reading.word(j) for j in range(max(0, i - 3), i)]
    denied = bool({"not", "doesn't", "cannot", "never", "nor"} & set(words_before))
    all_said = any(reading.word(j) in ("all", "every", "fully") for j in range(max(0, i - 2), i + 4))
    test = _breaks_rule if breaks else _keeps_all if all_said else _keeps_rule
    if breaks and denied:
        test, denied = _keeps_all, False
    if reading.word(i) in ("fails", "fail", "failing") and not denied:
        test, denied = _keeps_rule, True
    return reading.claim(i, behind, "rule_of_five", test, negated=denied)


def _rule_truth(facts: Facts) -> str:
    broken = facts.rule_of_five_violations
    return f"{len(broken)} violations: {'; '.join(broken)}" if broken else "no rule-of-five violations"


def _breaks_rule(facts: Facts) -> Finding:
    return Finding(bool(facts.rule_of_five_violations), _rule_truth(facts))


def _keeps_all(facts: Facts) -> Finding:
    return Finding(not facts.rule_of_five_violations, _rule_truth(facts))


def _keeps_rule(facts: Facts) -> Finding:
    """One violation is allowed by some readings of the rule."""
    n = len(facts.rule_of_five_violations)
    return Finding(None if n == 1 else n == 0, _rule_truth(facts))


# ------------------------------------------------------------------------------------ adjectives


def _aromatic(facts: Facts) -> Finding:
    n = facts.aromatic_rings
    return Finding(n > 0, f"{n} aromatic rings")


def _aliphatic(facts: Facts) -> Finding:
    return Finding(facts.aromatic_rings == 0, f"{facts.aromatic_rings} aromatic rings")


def _acyclic(facts: Facts) -> Finding:
    return Finding(facts.rings == 0, f"{facts.rings} rings")


def _cyclic(facts: Facts) -> Finding:
    return Finding(facts.rings > 0, f"{facts.rings} rings")


def _n_cyclic(n: int) -> Test:
    def test(facts: Facts) -> Finding:
        truth = f"{facts.rings} rings in {facts.ring_systems} ring systems"
        if facts.rings < n:
            return Finding(False, truth)
        if facts.rings == n and (facts.ring_systems == 1 or n == 1):
            return Finding(True, truth)
        if facts.ring_systems == 1 or n == 1:
            return Finding(False, truth)
        return Finding(None, truth)

    return test


def _chiral(facts: Facts) -> Finding:
    n = facts.stereocentres
    truth = f"{facts.stereocentres_set} of {n} stereocentres set" if n else "no stereocentres"
    return Finding(_is_chiral(facts.smiles, n, facts.stereocentres_set), truth)


def _achiral(facts: Facts) -> Finding:
    finding = _chiral(facts)
    return Finding(None if finding.holds is None else not finding.holds, finding.truth)


@lru_cache(maxsize=256)
def _is_chiral(smiles: str, n: int, n_set: int) -> bool | None:
    """None where centres cancel (meso), are open, or the axis of a biaryl or allene might count."""
    mol = Molecule(smiles).rdmol()
    axis = Chem.MolFromSmarts("[$([#6]=[#6]=[#6]),$([c;R](:[c;!$([cH])])-!@[c;R]:[c;!$([cH])])]")
    if n == 0:
        return None if mol.HasSubstructMatch(axis) else False
    if n == 1:
        return True
    if n_set < n:
        return None
    mirror = Chem.Mol(mol)
    for atom in mirror.GetAtoms():
        atom.InvertChirality()
    return Chem.MolToSmiles(mirror) != Chem.MolToSmiles(mol)


def _neutral(facts: Facts) -> Finding:
    truth = f"charge {facts.charge:+d}" if facts.charge else "charge 0"
    if facts.charge:
        return Finding(False, truth)
    apart = _has_separated_charges(facts.smiles)
    return Finding(None if apart else True, truth)


def _charged(sign: int) -> Test:
    def test(facts: Facts) -> Finding:
        truth = f"charge {facts.charge:+d}" if facts.charge else "charge 0"
        return Finding(facts.charge * sign > 0 if sign else facts.charge != 0, truth)

    return test


@lru_cache(maxsize=256)
def _has_separated_charges(smiles: str) -> bool:
    """Whether charges stand apart (a zwitterion or a salt), unlike those of a nitro group."""
    mol = Molecule(smiles).rdmol()
    for atom in mol.GetAtoms():
        charge = atom.GetFormalCharge()
        if charge and not any(n.GetFormalCharge() * charge < 0 for n in atom.GetNeighbors()):
            return True
    return False


def _zwitterion(facts: Facts) -> Finding:
    apart = _has_separated_charges(facts.smiles)
    holds = facts.charge == 0 and facts.fragments == 1 and apart
    truth = "charges drawn apart, sum 0" if holds else f"charge {facts.charge:+d}, no separated charges drawn"
    return Finding(None if facts.fragments > 1 else holds, truth)


_CHARGE_WORDS = frozenset(
    {"neutral", "uncharged", "charged", "cation", "anion", "cationic", "anionic", "zwitterion", "zwitterionic",
     "positively charged", "negatively charged", "doubly charged", "un charged"}
)  # fmt: skip
_TESTS: dict[str, Test] = {
    "aromatic": _aromatic, "nonaromatic": _aliphatic, "aliphatic": _aliphatic,
    "acyclic": _acyclic, "noncyclic": _acyclic, "cyclic": _cyclic,
    "monocyclic": _n_cyclic(1), "bicyclic": _n_cyclic(2), "tricyclic": _n_cyclic(3), "tetracyclic": _n_cyclic(4),
    "chiral": _chiral, "achiral": _achiral, "nonchiral": _achiral,
    "neutral": _neutral, "uncharged": _neutral, "charged": _charged(0),
    "cation": _charged(1), "cationic": _charged(1), "positively charged": _charged(1),
    "anion": _charged(-1), "anionic": _charged(-1), "negatively charged": _charged(-1),
    "zwitterion": _zwitterion, "zwitterionic": _zwitterion,
}  # fmt: skip
_KINDS = {
    "aromatic": "aromatic", "nonaromatic": "aromatic", "aliphatic": "aromatic",
    "chiral": "chirality", "achiral": "chirality", "nonchiral": "chirality",
}  # fmt: skip
