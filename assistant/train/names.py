"""Names that nobody knows, so that a model has to read them.

A model that sees the same few hundred names again and again learns them, and then answers with the
nearest one it knows instead of copying what stands before it. These are put together anew each
time, in the forms in which molecules are named: trivial, systematic, salts, codes.
"""

import random

_HEADS = (
    *(
        "a",
        "ab",
        "ac",
        "al",
        "am",
        "ben",
        "bi",
        "bro",
        "ca",
        "car",
        "ce",
        "chlo",
        "ci",
        "clo",
        "co",
    ),
    *("cy", "da", "de", "di", "do", "du", "e", "eno", "epi", "eto", "fa", "fe", "flu", "fo", "ga"),
    *("gli", "ha", "hy", "i", "in", "iso", "ke", "la", "le", "lo", "lu", "ma", "me", "mi", "mo"),
    *("na", "ne", "ni", "no", "o", "ol", "or", "pa", "pe", "phe", "pi", "pra", "pro", "qui", "ra"),
    *("re", "ri", "ro", "sa", "se", "si", "so", "su", "ta", "te", "ti", "to", "tri", "u", "va"),
    *("ve", "vi", "xa", "ya", "ze", "zo"),
)
_MIDDLES = (
    *(
        "ba",
        "be",
        "bu",
        "ci",
        "co",
        "da",
        "de",
        "di",
        "do",
        "fa",
        "fe",
        "fi",
        "ga",
        "gi",
        "la",
        "le",
    ),
    *(
        "li",
        "lo",
        "lu",
        "ma",
        "me",
        "mi",
        "mo",
        "na",
        "ne",
        "ni",
        "no",
        "pa",
        "pe",
        "pi",
        "po",
        "ra",
    ),
    *(
        "re",
        "ri",
        "ro",
        "ru",
        "sa",
        "se",
        "si",
        "ta",
        "te",
        "ti",
        "to",
        "tra",
        "va",
        "vi",
        "xi",
        "za",
    ),
)
_ENDS = (
    *("amide", "amine", "amycin", "ane", "anol", "arone", "astatin", "ate", "azepam", "azine"),
    *("azole", "barbital", "caine", "cillin", "cycline", "dine", "dipine", "done", "ene", "fen"),
    *("fenac", "floxacin", "gliptin", "idine", "ine", "inib", "ium", "lactone", "lone", "mab"),
    *(
        "mide",
        "mycin",
        "nazole",
        "nitrile",
        "nol",
        "ol",
        "olol",
        "one",
        "oxacin",
        "oxetine",
        "oxime",
    ),
    *(
        "parin",
        "phylline",
        "pril",
        "prazole",
        "profen",
        "quine",
        "rine",
        "sartan",
        "setron",
        "sone",
    ),
    *("statin", "sulfone", "tadine", "terol", "tidine", "triptan", "vir", "xaban", "zepam", "zine"),
)
_SUBSTITUENTS = (
    *(
        "methyl",
        "ethyl",
        "propyl",
        "isopropyl",
        "butyl",
        "tert-butyl",
        "phenyl",
        "benzyl",
        "chloro",
    ),
    *(
        "bromo",
        "fluoro",
        "iodo",
        "nitro",
        "amino",
        "hydroxy",
        "methoxy",
        "ethoxy",
        "cyano",
        "acetyl",
    ),
    *("trifluoromethyl", "dimethyl", "dichloro", "difluoro", "cyclohexyl", "allyl", "vinyl", "oxo"),
)
_PARENTS = (
    *(
        "benzene",
        "toluene",
        "aniline",
        "phenol",
        "pyridine",
        "pyrrole",
        "furan",
        "thiophene",
        "indole",
    ),
    *(
        "quinoline",
        "naphthalene",
        "imidazole",
        "pyrazole",
        "piperidine",
        "morpholine",
        "benzoic acid",
    ),
    *("acetic acid", "propanoic acid", "butan-2-one", "hexan-1-ol", "propanamide", "benzaldehyde"),
    *("acetonitrile", "cyclohexanone", "pentane", "oct-1-ene", "uracil", "adenine", "carbazole"),
)
_SALTS = ("hydrochloride", "sodium", "acetate", "mesylate", "sulfate", "citrate", "bromide", "acid")
_LOCANTS = (
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "2,4",
    "2,6",
    "3,5",
    "N",
    "N,N",
    "(R)",
    "(S)",
    "(E)",
    "beta",
)
_CODES = (
    "AB",
    "BMS",
    "CP",
    "GSK",
    "LY",
    "MK",
    "PF",
    "RO",
    "SB",
    "UK",
    "X",
    "ZD",
    "compound",
    "lot",
)


def invented_name(rng: random.Random) -> str:
    """A name in one of the usual forms."""
    form = rng.choices((_trivial, _systematic, _salt, _code), (60, 22, 8, 10))[0]
    return form(rng)


def _trivial(rng: random.Random) -> str:
    middles = "".join(rng.choices(_MIDDLES, k=rng.choice((0, 1, 1, 2))))
    return rng.choice(_HEADS) + middles + rng.choice(_ENDS)


def _systematic(rng: random.Random) -> str:
    first = f"{rng.choice(_LOCANTS)}-{rng.choice(_SUBSTITUENTS)}"
    second = f"-{rng.choice(_LOCANTS)}-{rng.choice(_SUBSTITUENTS)}" if rng.random() < 0.3 else ""
    return f"{first}{second}{rng.choice(_PARENTS)}"


def _salt(rng: random.Random) -> str:
    return f"{_trivial(rng)} {rng.choice(_SALTS)}"


def _code(rng: random.Random) -> str:
    number = rng.randrange(10 ** rng.randint(1, 6))
    return (
        f"{rng.choice(_CODES)}{rng.choice(('-', ' ', ''))}{number}{rng.choice(('', '', 'a', 'b'))}"
    )
