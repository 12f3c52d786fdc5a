"""What single adjectives say about a whole molecule: aromatic, acyclic, chiral, neutral, …."""

from collections.abc import Callable
from functools import lru_cache

from rdkit import Chem

from assistant.chat.claims.model import Finding
from assistant.chem.facts import Facts
from assistant.chem.molecule import Molecule

Test = Callable[[Facts], Finding]


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


def charge_in_words(facts: Facts) -> str:
    """The formal charge of the whole: "charge +1", "charge 0"."""
    return f"charge {facts.charge:+d}" if facts.charge else "charge 0"


def _neutral(facts: Facts) -> Finding:
    truth = charge_in_words(facts)
    if facts.charge:
        return Finding(False, truth)
    apart = _has_separated_charges(facts.smiles)
    return Finding(None if apart else True, truth)


def _charged(sign: int) -> Test:
    def test(facts: Facts) -> Finding:
        truth = charge_in_words(facts)
        return Finding(facts.charge * sign > 0 if sign else facts.charge != 0, truth)

    return test


def with_a_charge(sign: int) -> Test:
    """The test of "has a positive charge": of the whole, or of an atom where one is drawn so."""

    def test(facts: Facts) -> Finding:
        truth = charge_in_words(facts)
        if facts.charge * sign > 0:
            return Finding(True, truth)
        atoms = Molecule(facts.smiles).rdmol().GetAtoms()
        is_drawn = any(atom.GetFormalCharge() * sign > 0 for atom in atoms)
        return Finding(None if is_drawn else False, truth)

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
    truth = (
        "charges drawn apart, sum 0"
        if holds
        else f"charge {facts.charge:+d}, no separated charges drawn"
    )
    return Finding(None if facts.fragments > 1 else holds, truth)


CHARGE_WORDS = frozenset(
    {
        "neutral",
        "uncharged",
        "charged",
        "cation",
        "anion",
        "cationic",
        "anionic",
        "zwitterion",
        "zwitterionic",
        "positively charged",
        "negatively charged",
        "doubly charged",
        "un charged",
    }
)
TESTS: dict[str, Test] = {
    "aromatic": _aromatic,
    "nonaromatic": _aliphatic,
    "aliphatic": _aliphatic,
    "acyclic": _acyclic,
    "noncyclic": _acyclic,
    "cyclic": _cyclic,
    "monocyclic": _n_cyclic(1),
    "bicyclic": _n_cyclic(2),
    "tricyclic": _n_cyclic(3),
    "tetracyclic": _n_cyclic(4),
    "chiral": _chiral,
    "achiral": _achiral,
    "nonchiral": _achiral,
    "neutral": _neutral,
    "uncharged": _neutral,
    "charged": _charged(0),
    "cation": _charged(1),
    "cationic": _charged(1),
    "positively charged": _charged(1),
    "anion": _charged(-1),
    "anionic": _charged(-1),
    "negatively charged": _charged(-1),
    "zwitterion": _zwitterion,
    "zwitterionic": _zwitterion,
}
KINDS = {
    "aromatic": "aromatic",
    "nonaromatic": "aromatic",
    "aliphatic": "aromatic",
    "chiral": "chirality",
    "achiral": "chirality",
    "nonchiral": "chirality",
}
