"""The nouns claims are about, and a matcher that finds the longest of them at each token.

A `Term` says what kind of thing was named; the readers of `numbers`, `groups`, … turn terms with
their
surroundings into claims. Hyphens between words are ignored: "hydrogen-bond donor" is three words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from assistant.chat.claims.text import Token
from assistant.chat.claims.trie import PhraseTrie
from assistant.chem.groups import GROUPS

Family = Literal["scalar", "count", "formula", "group", "element", "opaque", "skip"]


@dataclass(frozen=True, slots=True)
class Term:
    """What a word or phrase names: a family of claims and a key inside it."""

    family: Family
    key: str


@dataclass(frozen=True, slots=True)
class TermMatch:
    """A term at tokens `first` up to, not including, `behind`."""

    term: Term
    first: int
    behind: int


# Phrases; "~" allows a plural s, "a/b" are alternatives of one word.
_TERMS: dict[Family, dict[str, str]] = {
    "scalar": {
        "average_mass": "molecular/molar/formula weight~|average/mean molecular/molar weight/mass"
        "|average/mean mass|mw|mol wt"
        "|molar mass|mol weight|weight|relative molecular/molar mass",
        "exact_mass": "exact/accurate mass|monoisotopic mass/weight"
        "|exact/accurate/monoisotopic molecular/molar mass"
        "|exact molecular weight",
        "mass": "mass|molecular mass|molecule mass",
        "nominal_mass": "nominal mass|nominal molecular mass|nominal molecular weight",
        "clogp": "clogp|clog p|calculated/computed/crippen/predicted/estimated logp"
        "|calculated/computed/crippen/predicted log p"
        "|wildman crippen logp|calculated/computed/predicted partition coefficient|logp crippen",
        "logp": "logp|log p|logpow|log pow|log kow|partition coefficient~"
        "|octanol water partition coefficient|octanol water logp"
        "|octanol / water logp|octanol / water partition coefficient|lipophilicity",
        "tpsa": "tpsa|topological polar surface area|polar surface area|psa|polar surface"
        "|topological psa",
        "fsp3": "fsp3|fsp 3|fraction of sp3 carbons/carbon|fraction sp3|sp3 fraction"
        "|fraction of sp3 hybridised/hybridized carbons/carbon"
        "|fraction of sp3 carbon atoms|fraction of saturated carbons",
        "qed": "qed|qed score|drug likeness score|quantitative estimate of drug likeness|qed value",
        "charge": "net/formal/overall/total charge|net/overall/total formal charge|charge",
    },
    "count": {
        "heavy_atoms": "heavy atom~|non hydrogen atom~|nonhydrogen atom~",
        "rings": "ring~|cycle~|ring closure~",
        "aromatic_rings": "aromatic ring~|arene ring~|aryl ring~",
        "ring_systems": "ring system~|ring assembly/assemblies|fused ring system~"
        "|separate ring system~",
        "stereocentres": "stereocentre~|stereocenter~|stereogenic centre~|stereogenic center~"
        "|chiral centre~|chiral center~"
        "|chirality centre~|chirality center~|asymmetric carbon~|asymmetric carbon atom~"
        "|chiral carbon~|chiral carbon atom~"
        "|stereogenic carbon~|chiral atom~|asymmetric centre~|asymmetric center~"
        "|stereo centre~|stereo center~"
        "|stereogenic atom~|tetrahedral stereocentre~|tetrahedral stereocenter~"
        "|stereogenic carbon atom~",
        "double_bonds": "stereo double bond~|stereogenic double bond~|double bond stereocentre~"
        "|double bond stereocenter~"
        "|stereochemical double bond~|stereodefined double bond~|e/z double bond~"
        "|double bond~ with stereochemistry"
        "|double bond stereo",
        "hbd": "hydrogen bond donor~|h bond donor~|hydrogen bonding donor~|h bonding donor~|hbd~"
        "|donor~|hydrogen donor~"
        "|h donor~|hydrogen bond donor group~|hydrogen bond donor site~",
        "hba": "hydrogen bond acceptor~|h bond acceptor~|hydrogen bonding acceptor~"
        "|h bonding acceptor~|hba~|acceptor~"
        "|hydrogen acceptor~|h acceptor~|hydrogen bond acceptor group~"
        "|hydrogen bond acceptor site~",
        "rotatable_bonds": "rotatable bond~|freely rotatable bond~|rotatable single bond~"
        "|rotor~|nrotb",
        "pains": "pains alert~|pains hit~|pains match/matches|pains flag~|pains pattern~"
        "|pains motif~|pains substructure~|pains",
        "brenk": "brenk alert~|brenk hit~|brenk match/matches|brenk flag~|brenk pattern~"
        "|brenk substructure~|brenk",
        "alerts": "structural alert~|toxicophore~|alert~|pains or brenk alert~"
        "|pains and brenk alert~|structure alert~"
        "|pains nor brenk alert~|pains brenk alert~",
        "ro5": "rule of five violation~|rule of 5 violation~|lipinski violation~|ro5 violation~"
        "|violation~"
        "|lipinski rule of five violation~",
        "fragments": "fragment~|disconnected component~|disconnected fragment~|separate component~",
        "carbons": "carbon atom~|carbon~",
        "atoms": "atom~ in total",
    },
    "formula": {
        "formula": "molecular/chemical/sum/elemental/hill/gross formula|formula|mf"
        "|molecular composition",
        "empirical": "empirical formula|simplest formula",
    },
    "opaque": {
        "melting point": "melting point/range/temperature",
        "boiling point": "boiling point/range/temperature",
        "pKa": "pka~|pka value~|pkb|pkah",
        "solubility": "water/aqueous solubility|solubility|aqueous log solubility|log solubility",
        "log S": "logs|log s",
        "log D": "logd|log d|logd at ph 7.4|log d at ph 7.4|logd7.4",
        "density": "density",
        "half-life": "half life|half lives",
        "bioavailability": "bioavailability|oral bioavailability",
        "IC50": "ic50~|ic50 value~|ec50|ld50|ki|kd|ed50|mic",
        "refractive index": "refractive index",
        "vapour pressure": "vapour/vapor pressure",
        "flash point": "flash point",
        "dipole moment": "dipole moment",
        "IUPAC name": "iupac name|systematic name|systematic iupac name|preferred iupac name",
        "CAS number": "cas number|cas registry number|cas no|cas rn",
        "absorption maximum": "absorption maximum|lambda max|λmax|absorption wavelength",
        "emission maximum": "emission maximum|fluorescence maximum|emission wavelength",
        "quantum yield": "quantum/fluorescence yield|fluorescence/photoluminescence quantum yield",
        "fluorescence lifetime": "fluorescence/excited/emission lifetime|excited state lifetime",
        "molar absorptivity": "molar absorptivity|extinction coefficient"
        "|molar extinction coefficient",
        "excitation energy": "excitation energy/energies|first/second/vertical excitation energy",
        "HOMO energy": "homo|homo energy/level|energy of the homo"
        "|ionization/ionisation energy/potential",
        "LUMO energy": "lumo|lumo energy/level|energy of the lumo|electron affinity",
        "HOMO-LUMO gap": "homo lumo gap|homo / lumo gap|band/optical gap|homo lumo energy gap",
        "polarisability": "polarisability|polarizability"
        "|isotropic/mean polarisability/polarizability",
        "zero-point energy": "zero point energy|zero point vibrational energy|zpve|zpe",
        "spatial extent": "electronic spatial extent",
        "heat capacity": "heat capacity|molar/specific heat capacity",
        "heat of formation": "heat/enthalpy of formation|formation enthalpy"
        "|standard enthalpy of formation",
        "heat of vaporisation": "heat/enthalpy of vaporization/vaporisation"
        "|heat/enthalpy of combustion/fusion/sublimation",
        "atomisation energy": "atomization/atomisation energy",
        "hydration free energy": "hydration/solvation free energy|hydration/solvation energy"
        "|free energy of hydration/solvation",
        "mass percentage": "percent/percentage/% carbon/hydrogen/nitrogen/oxygen/sulfur/c/h/n"
        "|carbon/hydrogen/nitrogen/oxygen percentage/percent/content"
        "|mass percent/percentage/fraction|weight percent/percentage|elemental analysis",
        "m/z": "m / z|mz",
        "isotope pattern": "isotope/isotopic pattern/distribution",
        "degree of unsaturation": "degree~ of unsaturation|double bond equivalent~|dbe|dou"
        "|index of hydrogen deficiency",
        "total number of atoms": "total atoms|atoms in total|total number of atoms|all atoms",
        "specific rotation": "specific/optical rotation",
        "dielectric constant": "dielectric constant|relative permittivity",
        "viscosity": "viscosity",
        "surface tension": "surface tension",
        "autoignition temperature": "autoignition temperature|auto ignition temperature",
        "redox potential": "redox/reduction/oxidation potential|half wave potential",
        "retention time": "retention time/factor/index",
        "collision cross section": "collision cross section",
        "protein binding": "plasma protein binding|protein binding",
        "clearance": "clearance",
        "volume of distribution": "volume of distribution",
        "log BB": "logbb|log bb",
        "permeability": "permeability|caco 2 permeability|papp",
    },
    "skip": {
        "not a group": "amino acid~|nucleic acid~|bile acid~|fatty acid~|acid base|ring opening"
        "|ring closing|ring strain|ring current"
        "|ring size|hydrogen bond~|hydrogen bonding|aromatic amino acid~|carbon skeleton"
        "|carbon chain~|alkyl chain~|side chain~"
        "|carbon dioxide|carbon monoxide|hydrogen chloride|hydrochloric acid|sulfuric acid"
        "|nitric acid|sodium hydroxide"
        "|ketone bodies|ketone body|free radical~|protein~|nitric oxide|acetic acid"
        "|carbon carbon|carbon backbone"
        "|formic acid|phosphoric acid|nitrous acid|rule of five|rule of 5|electron donor~"
        "|proton donor~|proton acceptor~"
        "|michael acceptor~|electron acceptor~|acid chloride reagent|boiling water"
        "|carbon atoms chain"
    },
}

ELEMENTS: dict[str, str] = {
    "hydrogen": "H",
    "carbon": "C",
    "nitrogen": "N",
    "oxygen": "O",
    "sulfur": "S",
    "sulphur": "S",
    "phosphorus": "P",
    "fluorine": "F",
    "chlorine": "Cl",
    "bromine": "Br",
    "iodine": "I",
    "silicon": "Si",
    "boron": "B",
    "selenium": "Se",
    "platinum": "Pt",
    "sodium": "Na",
    "potassium": "K",
    "lithium": "Li",
    "magnesium": "Mg",
    "calcium": "Ca",
    "zinc": "Zn",
    "iron": "Fe",
    "copper": "Cu",
    "tin": "Sn",
    "arsenic": "As",
    "palladium": "Pd",
    "gold": "Au",
    "mercury": "Hg",
    "aluminium": "Al",
    "aluminum": "Al",
    "cobalt": "Co",
    "nickel": "Ni",
    "deuterium": "D",
}

# Words for broader things than one row of the table of groups; `groups` says how they are tested.
BROAD: dict[str, str] = {
    "halogen": "halogen~|halogen atom~|halogen substituent~|halide~|halo group~|organohalogen~",
    "carbonyl": "carbonyl~|carbonyl group~|c=o|c=o group~|c=o bond~|c=o double bond~"
    "|carbonyl function~",
    "hydroxyl": "hydroxyl~|hydroxyl group~|hydroxy group~|hydroxy~|hydroxy substituent~"
    "|hydroxyl substituent~|oh group~"
    "|oh~|hydroxyl functionality|hydroxyl function~|hydroxyl moiety/moieties",
    "benzene ring": "benzene ring~|phenyl ring~|benzene~|benzenoid ring~|benzene nucleus"
    "|aryl group~"
    "|phenylene ring~"
    "|benzene moiety|benzene core|benzene unit~",
    "phenyl": "phenyl group~|phenyl~|phenyl substituent~|phenyl unit~|phenyl moiety/moieties",
    "heteroatom": "heteroatom~|hetero atom~",
    "metal": "metal~|metal atom~|metal ion~|transition metal~|metal centre~|metal center~",
    "alkene": "carbon carbon double bond~|c=c|c=c double bond~|c=c bond~|olefin~|alkene~"
    "|olefinic double bond~|alkene double bond~"
    "|alkene group~|olefinic bond~",
    "triple bond": "triple bond~",
    "heterocycle": "heterocycle~|heterocyclic ring~|heterocyclic system~|hetero ring~",
    "heteroaromatic ring": "heteroaromatic ring~|aromatic heterocycle~|heteroaryl ring~"
    "|heteroarene~"
    "|heteroaryl group~"
    "|heteroaromatic system~|heteroaryl~|heteroaromatic~",
    "methyl": "methyl group~|methyl~|methyl substituent~|ch3 group~|ch3",
    "saturated ring": "saturated ring~|fully saturated ring~",
    "aliphatic ring": "aliphatic ring~|alicyclic ring~|non aromatic ring~|nonaromatic ring~",
    "amine": "amine~|amine group~|amine functionality|amine function~|basic amine~"
    "|amine moiety|amine nitrogen~|amine substituent~",
    "primary amine": "primary amine~|primary amino group~|primary amine group~"
    "|primary amine function",
    "secondary amine": "secondary amine~|secondary amino group~|secondary amine group~",
    "tertiary amine": "tertiary amine~|tertiary amino group~|tertiary amine group~"
    "|tertiary amine nitrogen~",
    "methoxy": "methoxy group~|methoxy~|methoxy substituent~|och3 group~|methyl ether~"
    "|methoxyl group~",
    "acetyl": "acetyl group~|acetyl~|acetyl moiety",
    "tert-butyl": "tert butyl group~|tert butyl|t butyl group~",
    "isopropyl": "isopropyl group~|isopropyl|i propyl group~",
}

_APART = re.compile(r"([,=])")
_SUFFIXES = (
    "",
    " group~",
    " moiety",
    " moieties",
    " function",
    " functionality",
    " functionalities",
    " unit~",
    " functional group~",
    " linkage~",
    " bond~",
    " substituent~",
    " residue~",
    " ring~",
    " nucleus",
    " core",
    " ring system~",
    " scaffold",
    " skeleton",
    " system",
    " oxygen",
    " nitrogen",
)


def _expand(pattern: str) -> Iterable[tuple[str, ...]]:
    """All word sequences of one phrase pattern."""
    sequences: list[tuple[str, ...]] = [()]
    for piece in pattern.replace("=", " = ").split():
        options = [piece] if piece == "/" else [o for o in piece.split("/") if o]
        options = [
            form for o in options for form in ((o[:-1], o[:-1] + "s") if o.endswith("~") else (o,))
        ]
        sequences = [(*s, o) for s in sequences for o in options]
    return sequences


def _words_of(phrase: str) -> tuple[str, ...]:
    """A name of the table of groups as tokens: lower case, hyphens and commas apart."""
    return tuple(_APART.sub(r" \1 ", phrase.lower().replace("-", " ")).split())


@cache
def terms() -> PhraseTrie[Term]:
    """The matcher of all phrases."""
    return PhraseTrie(phrases().items())


@cache
def phrases() -> Mapping[tuple[str, ...], Term]:
    """All phrases; more special families come later and replace equal phrases of earlier ones."""
    found: dict[tuple[str, ...], Term] = {}
    for words, group in _group_phrases():
        found.setdefault(words, Term("group", group))
    for name, symbol in ELEMENTS.items():
        for tail in ("", " atom~", " substituent~"):
            for words in _expand(f"{name}{'~' if not tail else ''}{tail}"):
                found[words] = Term("element", symbol)
    for key, patterns in BROAD.items():
        found |= dict.fromkeys(word_sequences(patterns), Term("group", key))
    for family, entries in _TERMS.items():
        for key, patterns in entries.items():
            term = Term("element", "C") if key == "carbons" else Term(family, key)
            found |= dict.fromkeys(word_sequences(patterns), term)
    return found


def word_sequences(patterns: str) -> list[tuple[str, ...]]:
    """The word sequences of phrase patterns, as the tables here have them."""
    return [words for pattern in patterns.split("|") for words in _expand(pattern)]


def _group_phrases() -> Iterable[tuple[tuple[str, ...], str]]:
    """Every word of the table of groups, wide words too, with and without "group", "moiety", …."""
    for group in GROUPS:
        wide = (*group.kind_of, *group.sometimes)
        for phrase in (group.name, group.plural, *group.synonyms, *wide):
            words = _words_of(phrase)
            if not words or words == ("acid",):
                continue
            for suffix in _SUFFIXES:
                for tail in _expand(suffix) if suffix else [()]:
                    yield (*words, *tail), phrase.lower()
            if words[-1].endswith("s"):
                continue
            yield (*words[:-1], words[-1] + "s"), phrase.lower()


def find_terms(tokens: Sequence[Token], known: PhraseTrie[Term] | None = None) -> list[TermMatch]:
    """The longest terms, of these here or of `known`, left to right, without overlap."""
    trie = known or terms()
    found: list[TermMatch] = []
    i = 0
    while i < len(tokens):
        match = trie.longest(tokens, i)
        if match is None:
            i += 1
        else:
            found.append(TermMatch(match[0], i, match[1]))
            i = match[1]
    return found


def match_words(tokens: Sequence[Token], start: int, words: Sequence[str]) -> int:
    """Index behind `words` when they stand at `start` (hyphens between them ignored), else 0."""
    i = start
    for word in words:
        while i > start and i < len(tokens) and tokens[i].text == "-":
            i += 1
        if i >= len(tokens) or tokens[i].text != word:
            return 0
        i += 1
    return i
