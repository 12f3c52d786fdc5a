"""How much of the stereochemistry of a molecule is set, in words."""

from assistant.chem.facts import Facts


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
