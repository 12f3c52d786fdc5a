"""How much of the stereochemistry of a molecule is set, in words."""

import re

from assistant.chem.facts import Facts

_SEVERAL = re.compile(
    r"^M  V30 MDLV30/STE(?:RAC|REL)|^\S+\s+\|(?:.*,)?[&o]\d+:[^|]*\|", re.MULTILINE
)


def stands_for_several(written: str) -> bool:
    """Whether a V3000 molfile or CXSMILES has centres that are racemic or only relative.

    A `Molecule` is one isomer: that which is drawn stands for the others.
    """
    return _SEVERAL.search(written.lstrip(" ")) is not None


def stereo_sentence(facts: Facts) -> str:
    """`1 of 2 stereocentres set, 1 of 1 double bond set`, or `no stereocentre`."""
    parts = []
    if facts.stereocentres:
        noun = "stereocentre" if facts.stereocentres == 1 else "stereocentres"
        parts.append(f"{facts.stereocentres_set} of {facts.stereocentres} {noun} set")
    else:
        parts.append("no stereocentre")
    if facts.double_bonds:
        noun = "double bond" if facts.double_bonds == 1 else "double bonds"
        parts.append(f"{facts.double_bonds_set} of {facts.double_bonds} stereo {noun} set")
    return ", ".join(parts)
