"""Words around the names of molecules in a sentence, for `mentions.py`."""

import re

from assistant.chem.groups import GROUPS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KINDS = _words("a an any some no one two three four five many few several another other there")
HOLDS = _words("contain contains containing have has had having with without bears bear")
MEDIA = _words("into by using via under through per against")
PLACES = _words("in on for as like within")
"""A medium behind them is none to ask about, anything else can be: "rings are in caffeine"."""
OWNERS = _words("its their my your our his her")
AMOUNTS = _words("% mm µm um m n eq equiv equivalents mg g ml mmol mol percent aq")
AMOUNT = re.compile(r"[\d.:,]+%?")
STATES = _words("supercritical aqueous anhydrous dry wet liquid hot cold boiling saturated dilute")
COUNTED = _words("number count amount percentage percent share moles equivalents")
BESIDE = _words("from with to")
EXCHANGED = _words(
    "losing loses lose lost eliminating eliminates expelling expels releasing releases evolving"
    " removing removes adding adds"
)
LESS_OR_MORE = _words(
    "minus plus without less counting excluding including ignoring omitting except solubility sol"
)
"""Of a medium: "the mass minus water"; "warfarin plus aspirin" are two subjects."""
EXCHANGES = _words("loss losses elimination removal addition extrusion release expulsion uptake")
"""As in "the mass after losing water", "loss of water"."""
COMPARES = re.compile(
    r"\b(?:compare[ds]?|comparison|differ\w*|similar\w*|same|versus|vs|relative|contrast)\b",
    re.IGNORECASE,
)
THAN = re.compile(r"\bthan\b", re.IGNORECASE)
ASKED_OF_ANY = re.compile(
    r"\b(?:mass|weight|weigh|heavy|formula|structure|c?logp|tpsa|describe|about|what is|what's)\b",
    re.IGNORECASE,
)
MORE_OF_A_NAME = _words(
    "ester ether oxime hydrochloride hydrobromide sodium potassium calcium acetate sulfate sulphate"
    " phosphate chloride bromide iodide nitrate salt hydrate monohydrate dihydrate anhydride oxide"
    " amide acid dimer mesylate citrate tartrate maleate fumarate succinate methyl ethyl propyl"
    " isopropyl butyl tert-butyl phenyl benzyl acetyl chloro bromo fluoro iodo nitro amino hydroxy"
    " dimethyl diethyl deuterated protonated crown"
)
PARTS = _words(
    "ring rings group groups moiety moieties unit units core cores derivative derivatives scaffold"
    " scaffolds fragment fragments substructure substructures motif motifs skeleton nucleus side"
    " bond bonds bonding bonded double triple substituent substituents functionality nitrogen"
    " oxygen carbon donor donors acceptor acceptors atom atoms count type types system systems"
    " linkage bridge stock buffer column proton protons signal signals receptor receptors reuptake"
    " transporter transporters present lost evolved released included counted footprint"
)
PARTITIONED = re.compile(r"\bpartition|\bc?log\s*[pd]\b|\blog\s*k", re.IGNORECASE)
WATER_BEFORE = re.compile(r"\bwater\s*(?:[/–-]\s*)?$", re.IGNORECASE)
WATER_BEHIND = re.compile(r"\s*(?:[/–-]\s*)?water\b", re.IGNORECASE)
OR_WATER = re.compile(r"\s+(?:and|or|over)\s+water\b", re.IGNORECASE)
OF_MEDIA = _words(
    "solubility soluble solution solutions sol soln partition content bath layer phase free uptake"
    " sorption absorption"
)
GROUP_WORDS = frozenset(
    word for g in GROUPS for name in (g.name, g.plural) for word in (name, name.split(" ring")[0])
)
PRONOUN = re.compile(r"\b(?:it|its|they|them|their)\b", re.IGNORECASE)
POINTER = re.compile(
    r"\b(?:this|these|those|both|all|molecules?|compounds?|structures?|drugs?|ligand|dye|product"
    r"|substance|sample|drew|drawn|drawing|sketch|mine|my|previous|first|other|here)\b|@\d"
    r"|\b(?:is|was|did i draw) that\b|\bdid i draw\b",
    re.IGNORECASE,
)
NOUN_BEHIND = re.compile(r"\s+(?:molecules?|compounds?|structures?|drugs?)\b", re.IGNORECASE)


COUNTS_AS = re.compile(
    r"\s+(?:counts?|is|would be|would count)\s+(?:as\s+)?(?:one|two|three|[123])\b", re.IGNORECASE
)
AND_COUNTS_AS = re.compile(r"\s+(?:one|two|three|[123])\b", re.IGNORECASE)
ASKED_BY_A_RULE = re.compile(r"\b(?:how many|what about|what does)\b", re.IGNORECASE)
"""As in "if naphthalene counts as two rings, how many does it have?"."""
