"""What RDKit can compute about a molecule: the facts an answer is checked against.

Every number is computed, none is measured; this module is the one place that decides the method:

- masses: standard atomic weights (average); the most abundant or the given isotopes, less the
  electrons of a cation (exact)
- cLogP: Wildman-Crippen; TPSA: Ertl, without S and P; hydrogen bond donors and acceptors: RDKit's
  patterns of what forms hydrogen bonds; rule of five: all N and O, and the hydrogens on them, as
  Lipinski counted; rotatable bonds: RDKit's strict definition, without amide bonds
- rings: bonds - atoms + fragments (the chemist's count: 2 for norbornane, 5 for cubane)
- ring systems: clusters of rings that share a bond or an atom, so fused, bridged and spiro rings
  are one system and biphenyl is two
- stereo: the potential and the set tetrahedral centres and double bonds by RDKit's perception. Left
  out: axes, allenes, metal geometry; and, unless drawn, what a proton shift or the rings decide
  (P(=O)OH, bridgehead N, norbornane, C=N of N-H imines, amidines and guanidines)

Functional groups are in `groups`, structural alerts in `alerts`. Atom numbers are 1-based, in the
order of `Molecule.rdmol()`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rdkit import Chem
from rdkit.Chem import QED, Crippen, Descriptors, rdMolDescriptors

from assistant.chem.alerts import Alert, find_alerts
from assistant.chem.groups import GroupMatch, find_groups
from assistant.chem.molecule import Molecule


@dataclass(frozen=True)
class Facts:
    """Computed facts of one molecule; the module docstring names the methods."""

    smiles: str
    inchikey: str
    formula: str
    average_mass: float
    exact_mass: float
    charge: int
    heavy_atoms: int
    clogp: float
    tpsa: float
    hbd: int
    hba: int
    rotatable_bonds: int
    rings: int
    ring_systems: int
    aromatic_rings: int
    fsp3: float
    qed: float | None
    stereocentres_set: int
    stereocentres: int
    double_bonds_set: int
    double_bonds: int
    groups: tuple[GroupMatch, ...]
    alerts: tuple[Alert, ...]
    rule_of_five_violations: tuple[str, ...]
    fragments: int

    def to_dict(self) -> dict[str, object]:
        """JSON types only; keys are the field names."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        fields["groups"] = [group.to_dict() for group in self.groups]
        fields["alerts"] = [alert.to_dict() for alert in self.alerts]
        fields["rule_of_five_violations"] = list(self.rule_of_five_violations)
        return fields

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Facts":
        """Reads what `to_dict` wrote (in a worker, say)."""
        fields = dict(values)
        fields["groups"] = tuple(
            GroupMatch(group["name"], tuple(map(tuple, group["atoms"])))
            for group in fields["groups"]
        )
        fields["alerts"] = tuple(
            Alert(alert["catalogue"], alert["name"], tuple(alert["atoms"]))
            for alert in fields["alerts"]
        )
        fields["rule_of_five_violations"] = tuple(fields["rule_of_five_violations"])
        return cls(**fields)


@dataclass(frozen=True)
class _Stereo:
    centres_set: int
    centres: int
    double_bonds_set: int
    double_bonds: int


def compute_facts(molecule: Molecule) -> Facts:
    """All facts of a molecule, in a few milliseconds for a drug-sized one."""
    mol = molecule.rdmol()
    stereo = _count_stereo(mol)
    mass, clogp = float(Descriptors.MolWt(mol)), float(Crippen.MolLogP(mol))
    hbd, hba = rdMolDescriptors.CalcNumHBD(mol), rdMolDescriptors.CalcNumHBA(mol)
    return Facts(
        smiles=molecule.smiles,
        inchikey=molecule.inchikey,
        formula=rdMolDescriptors.CalcMolFormula(mol, separateIsotopes=True),
        average_mass=mass,
        exact_mass=float(Descriptors.ExactMolWt(mol)),
        charge=Chem.GetFormalCharge(mol),
        heavy_atoms=mol.GetNumHeavyAtoms(),
        clogp=clogp,
        tpsa=float(rdMolDescriptors.CalcTPSA(mol)),
        hbd=hbd,
        hba=hba,
        rotatable_bonds=rdMolDescriptors.CalcNumRotatableBonds(mol),
        rings=_count_rings(mol),
        ring_systems=_count_ring_systems(mol),
        aromatic_rings=rdMolDescriptors.CalcNumAromaticRings(mol),
        fsp3=float(rdMolDescriptors.CalcFractionCSP3(mol)),
        qed=_qed(mol),
        stereocentres_set=stereo.centres_set,
        stereocentres=stereo.centres,
        double_bonds_set=stereo.double_bonds_set,
        double_bonds=stereo.double_bonds,
        groups=find_groups(mol),
        alerts=find_alerts(mol),
        rule_of_five_violations=_rule_of_five(mol, mass=mass, clogp=clogp),
        fragments=len(Chem.GetMolFrags(mol)),
    )


def _rule_of_five(mol: Chem.Mol, *, mass: float, clogp: float) -> tuple[str, ...]:
    """Limits of Lipinski et al. 1997 that are exceeded, in words; none for a conforming molecule.

    Their donors are the hydrogens on N and O, their acceptors all N and O: more than what forms
    hydrogen bonds by the patterns of the card's own counts.
    """
    hbd, hba = rdMolDescriptors.CalcNumLipinskiHBD(mol), rdMolDescriptors.CalcNumLipinskiHBA(mol)
    limits = (
        (mass > 500, f"molecular weight {mass:.1f} > 500"),
        (clogp > 5, f"cLogP {clogp:.2f} > 5"),
        (hbd > 5, f"{hbd} hydrogen bond donors > 5"),
        (hba > 10, f"{hba} hydrogen bond acceptors > 10"),
    )
    return tuple(text for exceeded, text in limits if exceeded)


def _qed(mol: Chem.Mol) -> float | None:
    """Quantitative estimate of drug-likeness; None for inorganic molecules and where it fails."""
    if not any(atom.GetSymbol() == "C" for atom in mol.GetAtoms()):
        return None
    try:
        return float(QED.qed(mol))
    except (ValueError, ZeroDivisionError, RuntimeError, OverflowError):
        return None


def _count_rings(mol: Chem.Mol) -> int:
    """Bonds to cut until no ring is left; coordination bonds close no ring."""
    weak = (Chem.BondType.DATIVE, Chem.BondType.ZERO, Chem.BondType.HYDROGEN)
    bonds = [b for b in mol.GetBonds() if b.GetBondType() not in weak]
    neighbours = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in bonds]
    components = _count_components(range(mol.GetNumAtoms()), neighbours)
    return len(bonds) - mol.GetNumAtoms() + components


def _count_ring_systems(mol: Chem.Mol) -> int:
    bonds = [mol.GetBondWithIdx(i) for ring in mol.GetRingInfo().BondRings() for i in ring]
    neighbours = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in bonds]
    return _count_components({i for pair in neighbours for i in pair}, neighbours)


def _count_components(nodes: range | set[int], edges: list[tuple[int, int]]) -> int:
    parent = {node: node for node in nodes}

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for first, second in edges:
        parent[root(first)] = root(second)
    return sum(parent[node] == node for node in parent)


def _count_stereo(mol: Chem.Mol) -> _Stereo:
    ranks = list(Chem.CanonicalRankAtoms(mol, breakTies=False))
    centres: list[bool] = []
    double_bonds: list[bool] = []
    for info in Chem.FindPotentialStereo(mol, cleanIt=False, flagPossible=True):
        is_set = info.specified == Chem.StereoSpecified.Specified
        if info.type == Chem.StereoType.Atom_Tetrahedral:
            atom = mol.GetAtomWithIdx(info.centeredOn)
            if is_set or not (_is_fluxional_centre(atom) or _is_forced_by_rings(atom, ranks)):
                centres.append(is_set)
        elif info.type == Chem.StereoType.Bond_Double:
            bond = mol.GetBondWithIdx(info.centeredOn)
            if is_set or not _is_fluxional_bond(bond):
                double_bonds.append(is_set)
    return _Stereo(sum(centres), len(centres), sum(double_bonds), len(double_bonds))


def _is_fluxional_centre(atom: Chem.Atom) -> bool:
    """A bridgehead N, or P and S whose =O and -OH trade places by a proton."""
    if atom.GetSymbol() == "N":
        return atom.GetFormalCharge() == 0
    if atom.GetSymbol() not in ("P", "S", "As", "Se"):
        return False
    terminal = [n for n in atom.GetNeighbors() if n.GetSymbol() == "O" and n.GetDegree() == 1]
    return len(terminal) >= 2


def _is_forced_by_rings(atom: Chem.Atom, ranks: Sequence[int]) -> bool:
    """A symmetric bridgehead (norbornane, cubane), but no fusion atom: decalin is cis or trans."""
    around = [ranks[n.GetIdx()] for n in atom.GetNeighbors()]
    if len(set(around)) == len(around):
        return False
    all_rings = atom.GetOwningMol().GetRingInfo().AtomRings()
    rings = [set(ring) for ring in all_rings if atom.GetIdx() in ring]
    return len(rings) > 2 or (len(rings) == 2 and len(rings[0] & rings[1]) > 2)


def _is_fluxional_bond(bond: Chem.Bond) -> bool:
    """A cumulated bond, C=N of an N-H imine, or of an amidine whose proton can move to that N."""
    both = (bond.GetBeginAtom(), bond.GetEndAtom())
    if any(atom.GetHybridization() == Chem.HybridizationType.SP for atom in both):
        return True
    ends = {atom.GetSymbol(): atom for atom in both}
    if ends.keys() != {"C", "N"}:
        return False
    beside = [n for n in ends["C"].GetNeighbors() if n.GetIdx() != ends["N"].GetIdx()]
    movable = any(n.GetSymbol() == "N" and n.GetTotalNumHs() > 0 for n in beside)
    return movable or ends["N"].GetTotalNumHs() > 0
