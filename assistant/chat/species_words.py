"""Words for species made of a molecule, and where in a question they name what a value is of.

All patterns read text of `unaccented` and have one group, `what`: the words that name the species.
"""

import re
import unicodedata


def unaccented(text: str) -> str:
    """A text with letters without their accents, as many characters as before."""
    return "".join(unicodedata.normalize("NFD", c)[:1] or c for c in text).replace("’", "'")


def _pattern(regex: str) -> re.Pattern[str]:
    return re.compile(regex, re.IGNORECASE)


_CATION = (
    r"(?:di|tri|mono)?(?:sodium|potassium|lithium|calcium|magnesium|zinc|caesium|cesium|silver"
    r"|ammonium|tromethamine|na|k|li|ca|mg|cs)"
)
_ACID = (
    r"(?:hcl|hbr|hi|tfa|trifluoroacetate|trifluoroacetic acid|chloride|bromide|iodide|acetate"
    r"|formate|triflate|sul(?:f|ph)ate|phosphate|nitrate|perchlorate|[a-z]{4,}ium|[a-z]{3,}ylate"
    r"|(?:acid )?addition|quaternary|internal)"
)
_SALT = (
    rf"(?:(?:{_CATION}|{_ACID})[ -]salt|(?:(?:mono|di|bis|tris)-?)?hydro(?:chlor|brom|iod)ide"
    r"|mesylate|besylate|tosylate salt|maleate|fumarate|tartrate|citrate|succinate|camsylate)"
)
_ALKYL = (
    r"(?:(?:mono|di|bis)?-?(?:methyl|ethyl|propyl|isopropyl|butyl|isobutyl|t-?butyl|tert-?butyl"
    r"|benzyl|allyl|phenyl|pivaloyl|tms|nhs|pentafluorophenyl|active))"
)
_ESTER = rf"{_ALKYL} (?:ester|ether|carbamate|amide)"
_HYDRATE = (
    r"(?:(?:hemi|mono|sesqui|di|tri|tetra|penta|hexa|hepta|octa|deca)?hydrate|solvate|anhydrate"
    r"|(?:methanol|ethanol|dmso|water) (?:mono)?solvate)"
)
_OLIGOMER = r"(?:(?:homo|hetero)?(?:di|tri|tetra|penta|hexa)mer|oligomer|polymer)"
_ION = (
    r"(?:(?:radical |mono|di|tri)?-?(?:anion|cation)|zwitterion|conjugate (?:base|acid)"
    r"|(?:quasi-?|pseudo-?)?molecular ion|enolate|protonated molecule)"
)
_ADDUCT = (
    rf"(?:(?:{_CATION}|proton|hydrogen|chloride|formate|acetate|acetonitrile|gsh|glutathione"
    r"|bisul(?:f|ph)ite|mass spec(?:trometry)?|ms|esi) )?adduct"
)
_BODY = (
    r"(?:(?:main|major|primary|active|phase (?:i|1|ii|2)|sul(?:f|ph)ate|hydroxylated"
    r"|oxidative) )*metabolite"
    r"|(?:acyl |o-|n-)?glucuronide|(?:gsh|glutathione|sul(?:f|ph)ate|glycine) conjugate|n-?oxide"
    r"|(?:degradation|hydrolysis|oxidation|reduction|condensation|decomposition|elimination"
    r"|substitution|addition|coupling) product|phosphate ester"
    r"|product of (?:its )?(?:hydrolysis|oxidation|reduction|dehydration|hydrogenation)"
)
_REACTED = (
    r"(?:(?:mono|di|tri|de|un|re|per|n-|o-|s-)*-?(?:(?:meth|eth|acet|benz|benzo|alk|ac|benzo|hydrox"
    r"|carbox|phosphor|glucuron|sul(?:f|ph)on|tos|mes|sil|glycos)yl(?:ated)|protonated|sodiated"
    r"|deuterated"
    r"|fluorinated|chlorinated|brominated|iodinated|nitrated|halogenated|hydrogenated|hydrated"
    r"|hydroly[sz]ed|oxidi[sz]ed|reduced|ioni[sz]ed|esterified|saponified|cycli[sz]ed|amidated"
    r"|glucuronidated|sulfated|(?:ring-|ring )opened|protected)|[a-z]{2,6}-protected"
    r"|desmethyl|d\d{1,2}(?:-labell?ed)?|13c|(?:13)?c-labell?ed|isotop\w+ labell?ed)"
)
_FORM = (
    r"(?:form|species|analog(?:ue)?|version|molecule|compound|drug|derivative|state|product|ion"
    r"|material|isotopologue|acid|base|amine|alcohol|phenol|metabolite)"
)
_TAUTOMER = (
    r"(?:(?:other |minor |major )?tautomer|(?:enol|keto|lactim|hydrazone) (?:form|tautomer))"
)
_GATED = (
    r"(?:free (?:acid|base)|anhydrous (?:form|compound|material)"
    r"|neutral (?:form|molecule|compound|species)|salt)"
)

STRONG = (
    rf"(?:{_SALT}|{_ESTER}|{_HYDRATE}|{_OLIGOMER}|{_ION}|{_ADDUCT}|{_BODY}|{_TAUTOMER}"
    rf"|{_REACTED}[ -]{_FORM})(?: (?:form|species|salt|hydrate))?"
)
"""Nouns that name a species made of a molecule whatever stands around them."""
_OF_IT = (
    rf"(?:{STRONG}|{_GATED}|(?:(?:carboxylic|sulfonic) )?acid chloride|acyl chloride|amide|ester"
    r"|carboxylate|alcohol|anhydride|aldehyde|boronic acid|prodrug|ether|sul(?:f|ph)(?:oxide|one)"
    r"|azide|oxime"
    r"|hydrazone|acetal|acetate|nitrile|imine)"
)
"""What may be called "its …" and "the corresponding …"."""
_NAMED = (
    r"(?!(?:drawn|shown|attached|given|present|second|first|third|other|same|above|whole|total"
    r"|number"
    r"|pasted|entered|current)\b)[\w·-]{4,30}"
)
"""A name before the noun: "the caffeine dimer"."""
_NO_MORE = (
    r"(?!'s|[\w-]|\s+(?:groups?|bonds?|moiet\w+|rings?|units?|linkages?|exchange\w*|formation"
    r"|screen\w*"
    r"|content|identification|id|functional\w*|parts?|calculat\w+|peaks?|series|i (?:drew|pasted"
    r"|have"
    r"|drawn|attached|entered|sketched|uploaded)|(?:that|which) i|(?:is |as )?(?:drawn|shown"
    r"|attached"
    r"|pasted|above|here|on (?:the )?screen)|problem|question)\b"
    r"|,?\s*[(]?(?:molecule|compound|structure|@)\s?\d)"
)
"""Behind a noun: no group or process is meant, and no molecule that is drawn as well."""
_ENDS = (
    r"(?=\s*(?:[?.!,;:)]|$|\s(?:in|please|pls|plz|thanks|thx|or|and|with|at|to|from|instead|not"
    r"|rather|then|of|be|weigh|have|has|is)\b))"
)
_OF = (
    r"(?<!\w)(?:of|for|from|has|have|give|gives|to|is|are|would|does|will|in|than|do|the mass"
    r"|calculate|compute|get|what's|about|with)"
)
_VALUE = (
    r"(?<!\w)(?:mw|m\.w\.|mol(?:\.|ecular|ar)? ?(?:wt|weight|mass)|mass|exact mass|formula|mf|fw"
    r"|monoisotopic mass|accurate mass|c?log ?p|tpsa|psa|molar mass|weight|charge|m/z|hrms)"
)
_SOLD = r"(?<!drawn )(?<!shown )(?<!sold )(?<!it )(?<!present )(?<!supplied )(?<!stored )"

NAMED = tuple(
    _pattern(regex)
    for regex in (
        rf"{_OF}\s+(?P<what>(?:(?:the|its|their|my|our|the corresponding)\s+"
        rf"|the\s+{_NAMED}\s+){STRONG}){_NO_MORE}",
        rf"(?<!\w)(?:of|for|from|than|does|do|would|will|is|in|give|calculate|compute|about|get"
        rf"|to)\s+"
        rf"(?P<what>(?:its|their|(?:the|its) (?:corresponding|respective))\s+{_OF_IT}){_NO_MORE}",
        rf"(?<!\w)(?:of|for|from|than|does|would|will)\s+(?P<what>the\s+{_GATED}){_NO_MORE}",
        rf"(?<!\w)(?:of|for)\s+(?P<what>(?:an?\s+)?{STRONG}){_NO_MORE}{_ENDS}",
        rf"{_SOLD}(?<!\w)(?:as|in)\s+(?P<what>(?:an?\s+|the\s+|its\s+|my\s+)"
        rf"(?:{STRONG}|{_GATED})){_NO_MORE}",
        rf"{_SOLD}(?<!\w)as\s+(?P<what>{_SALT}|{_HYDRATE}){_NO_MORE}{_ENDS}",
        rf"{_VALUE}[ ,:-]+(?P<what>(?:the |its )?{STRONG}){_NO_MORE}{_ENDS}",
        rf"(?P<what>(?<![\w-])(?:the |its )?{STRONG})(?:'s)?[ ,:-]+{_VALUE}(?!\w)",
    )
)
"""A noun where a question names what a value is of."""

_CHARGES = r"(?:•\+|\+•|·\+|\+·|\+\.|\.\+|\d?[+-]|[+-]\d|⁺|⁻)"
_PART = r"(?:\d?[A-Z][A-Za-z0-9]*)"
_ION_OF_M = (
    rf"\[\d?M(?:\s?[+-]\s?{_PART})*\s?(?:[+-]\d?)?\]\s?{_CHARGES}*"
    rf"|\d?M(?:\s?[+-]\s?\d?(?:Na|H|K|NH4|Li|Cl|HCOO|H2O|ACN))+{_CHARGES}?(?![\w•·])"
    rf"|M{_CHARGES}(?!\w)"
)
_ONLY_ION = re.compile(_ION_OF_M)
ADDUCT = re.compile(
    rf"(?:(?<!\w)(?:of|for|as|is|the|give|mass|m/z|MS|ESI\+?-?|HRMS|calcd?\.?|calculate|compute"
    rf"|value|about|at|in|to|expect|(?:of|for) an?|see|von|de|du|des)\s+|^[^\w\[]*)"
    rf"(?P<what>{_ION_OF_M})"
    r"(?!\s+(?:myself|by hand|ourselves))"
)
"""As mass spectrometrists write ions: "[M+H]+", "[2M-H]-", "M+•"; capital letters count."""


def is_ion(word: str) -> bool:
    """Whether a word is an ion as mass spectrometrists write it, and so never a structure."""
    return _ONLY_ION.fullmatch(word.replace("⁺", "+").replace("⁻", "-")) is not None


_REACTION = (
    r"(?:\w*(?:meth|eth|acet|benzo|alk|ac|hydrox|carbox|phosphor|sul(?:f|ph)on|sil|tos|mes|glycos)"
    r"yl(?:is|iz)?ation|\w*(?:protonation|deuteration|hydrogenation|hydration|halogenation"
    r"|nitration"
    r"|chlorination|bromination|fluorination|iodination|oxidation|esterification|ioni[sz]ation"
    r"|saponification|dimeri[sz]ation|polymeri[sz]ation|cycli[sz]ation|amidation|epoxidation"
    r"|glucuronidation|sulfation|protection|amination|ozonolysis|hydrolysis|metabolism)"
    r"|reduction|(?:water|h2o|co2|hcl|nh3|proton|methyl|boc) loss|(?:ester |amide |boc )?cleavage"
    r"|salt formation|ring[- ]opening)"
)
_REACTS = (
    r"(?:(?:de|mono|di|per|un)?-?(?:(?:meth|eth|acet|benzo|alk|ac|hydrox|carbox|phosphor|sil|tos"
    r"|mes"
    r"|decarbox|benz)ylat|protonat|deuterat|hydrogenat|hydrat|chlorinat|brominat|fluorinat|iodinat"
    r"|nitrat|oxidi[sz]|hydroly[sz]|esterif[iy]|saponif[iy]|dimeri[sz]|ioni[sz]|amidat|reduc"
    r"|protect)(?:e|es|ed|s|y)?)"
)
_CHANGES_IT = (
    r"(?:replac(?:e|ed)|swap(?:ped)?|substitut(?:e|ed)|remov(?:e|ed)|add(?:ed)?|attach(?:ed)?"
    r"|introduc(?:e|ed)|delet(?:e|ed)|exchang(?:e|ed)|cleav(?:e|ed)|cut off|took off|take off)"
)
_UNCOUNTED = (
    r"(?!\s+(?:(?:the|all|any|every|each|up|together|its|implicit|explicit|formal)\s+)*(?:up"
    r"|together"
    r"|all|hydrogens?|hs?|h's|h atoms?|charges?|numbers?|values?|masses|rings?|atoms|counts?|salts?"
    r"|counter-?\s?ions?|solvents?|duplicates?|spaces?|it|them|everything|each|every|fragments?)\b)"
)
"""Not "if I add up the charges", "after removing hydrogens": ways to count."""
_SMALL = (
    r"(?:water|h2o|co2|hcl|hbr|hf|nh3|ammonia|methanol|acetic acid|carbon dioxide|a proton"
    r"|one proton"
    r"|h\+|hydride|an electron|methyl|a methyl|sodium|na\+?|nitrogen|n2|so2|co|formic acid)"
)
_LEAVING = (
    r"(?:methyl|ethyl|acetyl|methoxy|ome|chlor\w+|fluor\w+|brom\w+|iod\w+|nitro|boc|fmoc|cbz"
    r"|protecting|side[- ]chain|counter-?\s?ion|sugar|tert-?butyl|t-?butyl|phenyl|benzyl"
    r"|crystal water|water of)"
)
CHANGES = tuple(
    _pattern(regex)
    for regex in (
        rf"(?<!\w)(?P<what>(?:after|upon|following|post)\s+(?:an?\s+|the\s+|its\s+|full\s+"
        rf"|complete\s+"
        rf"|[no]-)?(?:\w+\s)?{_REACTION})(?!\w)",
        rf"(?<!\w)(?P<what>(?:after|upon|on|with|without)\s+(?:losing|the loss of|loss of"
        rf"|elimination of"
        rf"|removing|removal of|adding|addition of|replacing|cleaving|cleavage of){_UNCOUNTED}"
        rf"(?:\s+(?:an?|the|its|one|two))?\s+[\w+-]+)",
        rf"(?<!\w)(?P<what>(?:if|when|once)\s+(?:i|we|you|one)\s+(?:\w+ly\s)?{_REACTS}"
        rf"(?:\s+(?:it|(?:the|its|that|an?)\s+[\w-]+))?)(?!\w)",
        rf"(?<!\w)(?P<what>(?:if|when|once)\s+(?:i|we|you|one)\s+{_CHANGES_IT}{_UNCOUNTED}"
        rf"\s+(?:(?:the|its|that|an?|one|another)\s+)?[\w-]+)(?!\w)",
        rf"(?<!\w)(?P<what>(?:if|when|once|after)\s+(?:it|this|(?:the|its)\s[\w-]+)\s+(?:(?:is|was"
        rf"|were|gets"
        rf"|got|has been|had been)\s+(?:\w+ly\s)?{_REACTS}|loses|lost|gains|gained|dimeri[sz]es"
        rf"|(?:is|was|were) (?:replaced|removed|cleaved|substituted))){_UNCOUNTED}(?!\w)",
        rf"(?<!\w)(?P<what>(?:if|when|once)\s+{_REACTS})(?!\w)",
        rf"(?<!\w)(?P<what>(?:minus|plus|less|losing|with loss of)\s+{_SMALL})(?!\w)",
        rf"(?<!\w)(?P<what>without\s+(?:the|its|that|their)\s+{_LEAVING})(?!\w)",
        r"(?<!\w)(?P<what>with\s+(?:an?|one|two)\s+(?:more|extra|additional)\s+[\w-]+)(?!\w)",
    )
)
"""What is done to the molecule first: "after demethylation", "if I methylate the nitrogen"."""

_DE_SALT = r"(?:natrium|kalium|calcium|lithium|magnesium|ammonium|hcl-?|tfa-?)-?salz(?:es)?"
_DE_HYDRATE = r"(?:hemi|mono|di|tri|penta)?hydrat(?:e?s)?"
_DE_OTHER = (
    r"(?:di|tri|oligo)mer(?:s|en)?|(?:hydrochlorid|hydrobromid|anion|kation|zwitterion"
    r"|addukt)(?:e?s)?"
    r"|(?:methyl|ethyl|benzyl|tert-butyl)esters?|(?:haupt)?metabolit(?:en|s)?|glucuronid(?:e?s)?"
    r"|(?:de)?protonierten? (?:form|molekuls?|spezies)|freien? (?:saure|base)"
    r"|(?:\w+-)?addukt(?:e?s)?"
)
_FR = (
    r"(?:(?:hemi|mono|di|tri)?hydrate|(?:di|tri)mere|chlorhydrate|bromhydrate|anion|cation"
    r"|zwitterion|ester (?:m?ethylique|benzylique)|sel (?:de |d')?(?:sodium|potassium|calcium"
    r"|sodique|potassique|calcique|lithium)|metabolite(?: principal)?|glucuronide|adduit"
    r"|forme (?:de)?protonee|acide libre|base libre)"
)
_ES = (
    r"(?:(?:hemi|mono|di|tri)?hidrato|(?:di|tri)mero|clorhidrato|bromhidrato|anion|cation"
    r"|zwitterion|ester m?etilico|sal (?:de )?(?:sodio|potasio|calcio|sodica|potasica|calcica)"
    r"|metabolito(?: principal)?|glucuronido|aducto|forma (?:des)?protonada|acido libre|base libre)"
)
_IT = (
    r"(?:(?:emi|mono|di|tri)?idrato|(?:di|tri)mero|cloridrato|bromidrato|anione|catione"
    r"|zwitterione|estere m?etilico|sale (?:di )?(?:sodio|potassio|calcio|sodico|potassico|calcico)"
    r"|metabolita(?: principale)?|glucuronide|addotto|forma (?:de)?protonata|acido libero"
    r"|base libera)"
)
_WHERE = r"(?!\w|\s+(?:gruppen?|groupe))"
ABROAD = tuple(
    _pattern(regex)
    for regex in (
        rf"(?<!\w)(?P<what>(?:des|vom|von dem|von der|der|hat das|hat die|wiegt das|wiegt die"
        rf"|fur das|fur den|als|dem|seines|seiner)\s+"
        rf"(?:{_DE_SALT}|{_DE_HYDRATE}|{_DE_OTHER})){_WHERE}",
        r"(?<!\w)(?P<what>(?:nach|ohne)\s+(?:der\s+|dem\s+)?(?:\w*(?:ylierung|drolyse|lierung"
        r"|drierung"
        r"|nierung|dierung|esterung|spaltung|duktion|abspaltung)|verlust von \w+"
        r"|wasserverlust))(?!\w)",
        rf"(?<!\w)(?:de |pour )?(?P<what>(?:du |de l'|de son |de sa |de la |l'|le |la "
        rf"|d'un )(?:\w+ )?"
        rf"{_FR}){_WHERE}",
        r"(?<!\w)(?P<what>apres\s+(?:(?:la|l'|une)\s?)?(?:\w*ylation|hydrolyse|oxydation|reduction"
        r"|perte d(?:e |')\w+|deshydratation|hydrogenation|deprotonation|protonation))(?!\w)",
        rf"(?<!\w)(?P<what>(?:del |de la |de su |para el |para la )(?:\w+ )?{_ES}){_WHERE}",
        r"(?<!\w)(?P<what>(?:tras|despues de)\s+(?:(?:la|una|el)\s)?(?:\w*ilacion|hidrolisis"
        r"|oxidacion"
        r"|reduccion|perder \w+|perdida de \w+|deshidratacion|hidrogenacion|\w*protonacion))(?!\w)",
        rf"(?<!\w)(?P<what>(?:del |dello |dell'|della |del suo |della sua |per il )(?:\w+ )?{_IT})"
        rf"{_WHERE}",
        r"(?<!\w)(?P<what>dopo\s+(?:(?:la|l'|una|aver)\s?)?(?:\w*ilazione|idrolisi|ossidazione"
        r"|riduzione"
        r"|perso \w+|perdita di \w+|disidratazione|idrogenazione|\w*protonazione))(?!\w)",
    )
)
"""The commonest of German, French, Spanish and Italian."""

UNLESS_SALT = _pattern(
    r"salt|hydro(?:chlor|brom|iod)id|\wsylate|maleate|fumarate|tartrate|citrate|succinate"
    r"|hydrat(?!ed)"
    r"|hidrato|idrato|idrat|solvate|salz|\bsel\b|\bsal\b|\bsale\b|chlorhydrate"
)
"""A molecule of several parts may itself be what is called so."""
UNLESS_NEUTRAL = _pattern(
    r"free (?:acid|base)|anhydrous|neutral|frei\w* (?:saure|base)|acide libre|base liber?[ar]"
    r"|acido liber?[or]"
)
"""Of a molecule without charge and counter-ion it is the same."""
UNLESS_CHARGED = _pattern(
    r"anion|[ck]ation|zwitterion|protonat|ioni[sz]ed|conjugate|protone|proton"
)
"""A charged molecule may itself be it."""
UNLESS_ESTER = _pattern(r"ester")
