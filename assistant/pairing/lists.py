"""What a molecule can be swept over: common solvents and drugs, named as chemists name them."""

from functools import cache

from assistant.chem.molecule import Molecule

SOLVENTS: tuple[tuple[str, str], ...] = (
    ("hexane", "CCCCCC"),
    ("cyclohexane", "C1CCCCC1"),
    ("carbon tetrachloride", "ClC(Cl)(Cl)Cl"),
    ("toluene", "Cc1ccccc1"),
    ("benzene", "c1ccccc1"),
    ("1,4-dioxane", "C1COCCO1"),
    ("diethyl ether", "CCOCC"),
    ("dibutyl ether", "CCCCOCCCC"),
    ("chloroform", "ClC(Cl)Cl"),
    ("chlorobenzene", "Clc1ccccc1"),
    ("ethyl acetate", "CCOC(C)=O"),
    ("tetrahydrofuran", "C1CCOC1"),
    ("2-methyltetrahydrofuran", "CC1CCCO1"),
    ("dichloromethane", "ClCCl"),
    ("1,2-dichloroethane", "ClCCCl"),
    ("pyridine", "c1ccncc1"),
    ("acetone", "CC(C)=O"),
    ("1-octanol", "CCCCCCCCO"),
    ("1-butanol", "CCCCO"),
    ("2-propanol", "CC(C)O"),
    ("1-propanol", "CCCO"),
    ("ethanol", "CCO"),
    ("methanol", "CO"),
    ("2,2,2-trifluoroethanol", "OCC(F)(F)F"),
    ("ethylene glycol", "OCCO"),
    ("glycerol", "OCC(O)CO"),
    ("acetonitrile", "CC#N"),
    ("N,N-dimethylformamide", "CN(C)C=O"),
    ("N,N-dimethylacetamide", "CC(=O)N(C)C"),
    ("N-methylpyrrolidone", "CN1CCCC1=O"),
    ("dimethyl sulfoxide", "CS(C)=O"),
    ("formamide", "NC=O"),
    ("acetic acid", "CC(=O)O"),
    ("water", "O"),
)

DRUGS: tuple[tuple[str, str], ...] = (
    ("aspirin", "CC(=O)Oc1ccccc1C(=O)O"),
    ("paracetamol", "CC(=O)Nc1ccc(O)cc1"),
    ("ibuprofen", "CC(C)Cc1ccc(cc1)C(C)C(=O)O"),
    ("naproxen", "COc1ccc2cc(ccc2c1)[C@H](C)C(=O)O"),
    ("diclofenac", "OC(=O)Cc1ccccc1Nc1c(Cl)cccc1Cl"),
    ("caffeine", "Cn1c(=O)c2c(ncn2C)n(C)c1=O"),
    ("theophylline", "Cn1c(=O)c2[nH]cnc2n(C)c1=O"),
    ("warfarin", "CC(=O)CC(c1ccccc1)C1=C(O)c2ccccc2OC1=O"),
    ("metformin", "CN(C)C(=N)NC(N)=N"),
    ("glibenclamide", "COc1ccc(Cl)cc1C(=O)NCCc1ccc(cc1)S(=O)(=O)NC(=O)NC1CCCCC1"),
    ("diazepam", "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc12"),
    ("carbamazepine", "NC(=O)N1c2ccccc2C=Cc2ccccc12"),
    ("phenytoin", "O=C1NC(=O)C(N1)(c1ccccc1)c1ccccc1"),
    ("valproic acid", "CCCC(CCC)C(=O)O"),
    ("fluoxetine", "CNCCC(Oc1ccc(cc1)C(F)(F)F)c1ccccc1"),
    ("amitriptyline", "CN(C)CCC=C1c2ccccc2CCc2ccccc12"),
    ("imipramine", "CN(C)CCCN1c2ccccc2CCc2ccccc12"),
    ("haloperidol", "OC1(CCN(CCCC(=O)c2ccc(F)cc2)CC1)c1ccc(Cl)cc1"),
    ("propranolol", "CC(C)NCC(O)COc1cccc2ccccc12"),
    ("metoprolol", "COCCc1ccc(OCC(O)CNC(C)C)cc1"),
    ("nifedipine", "COC(=O)C1=C(C)NC(C)=C(C(=O)OC)C1c1ccccc1[N+](=O)[O-]"),
    ("furosemide", "NS(=O)(=O)c1cc(C(=O)O)c(NCc2ccco2)cc1Cl"),
    ("omeprazole", "COc1ccc2nc([nH]c2c1)S(=O)Cc1ncc(C)c(OC)c1C"),
    ("cimetidine", "CNC(NCCSCc1nc[nH]c1C)=NC#N"),
    ("ketoconazole", "CC(=O)N1CCN(CC1)c1ccc(OC[C@H]2CO[C@@](Cn3ccnc3)(O2)c2ccc(Cl)cc2Cl)cc1"),
    ("isoniazid", "NNC(=O)c1ccncc1"),
    ("ciprofloxacin", "OC(=O)C1=CN(C2CC2)c2cc(N3CCNCC3)c(F)cc2C1=O"),
    ("prednisone", "CC12CC(=O)C3C(CCC4=CC(=O)C=CC34C)C1CCC2(O)C(=O)CO"),
    ("sildenafil", "CCCc1nn(C)c2c1nc([nH]c2=O)-c1cc(ccc1OCC)S(=O)(=O)N1CCN(C)CC1"),
    ("lidocaine", "CCN(CC)CC(=O)Nc1c(C)cccc1C"),
)

LISTS = {"solvents": SOLVENTS, "drugs": DRUGS}


@cache
def molecules_of(which: str) -> tuple[Molecule, ...]:
    """The molecules of a list ("solvents", "drugs") with their names."""
    return tuple(Molecule.parse(smiles, name=name) for name, smiles in LISTS[which])


@cache
def usual_names() -> dict[str, str]:
    """Canonical SMILES → name of all molecules of the lists."""
    return {m.smiles: m.name or "" for which in LISTS for m in molecules_of(which)}
