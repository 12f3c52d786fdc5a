"""How chemists ask and how the assistant answers: synonyms, frames and fixed texts for `dialogues`.

Frames are `str.format` patterns. `{x}` is a synonym of the fact, `{m}` names the molecule ("molecule
1", "it", …), `{M}` the same at the start of a sentence, `{v}` the value exactly as the card has it.
"""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "formula": (
        "formula",
        "molecular formula",
        "sum formula",
        "chemical formula",
        "empirical composition",
    ),
    "average_mass": ("molecular weight", "molar mass", "average mass", "MW", "mol weight", "mass"),
    "exact_mass": ("exact mass", "monoisotopic mass", "accurate mass", "exact molecular mass"),
    "charge": ("charge", "net charge", "formal charge", "overall charge"),
    "heavy_atoms": (
        "number of heavy atoms",
        "heavy atom count",
        "heavy atoms",
        "count of non-hydrogen atoms",
    ),
    "clogp": (
        "cLogP",
        "logP",
        "calculated logP",
        "lipophilicity",
        "partition coefficient",
        "Crippen logP",
    ),
    "tpsa": ("TPSA", "polar surface area", "topological polar surface area", "PSA"),
    "hbd": (
        "number of H-bond donors",
        "H-bond donor count",
        "hydrogen bond donors",
        "HBD",
        "donor count",
    ),
    "hba": (
        "number of H-bond acceptors",
        "H-bond acceptor count",
        "hydrogen bond acceptors",
        "HBA",
    ),
    "rotatable_bonds": (
        "number of rotatable bonds",
        "rotatable bond count",
        "rotatable bonds",
        "rotors",
    ),
    "rings": ("number of rings", "ring count", "rings"),
    "ring_systems": ("number of ring systems", "ring system count", "ring systems"),
    "aromatic_rings": ("number of aromatic rings", "aromatic ring count", "aromatic rings"),
    "fsp3": ("Fsp3", "fraction of sp3 carbons", "fraction sp3", "sp3 fraction"),
    "qed": ("QED", "QED score", "drug-likeness score", "quantitative estimate of drug-likeness"),
    "stereocentres": (
        "stereocentres",
        "stereocenters",
        "number of stereocentres",
        "chiral centres",
        "chiral centers",
    ),
    "double_bonds": (
        "stereo double bonds",
        "E/Z double bonds",
        "double bond stereo",
        "cis/trans double bonds",
    ),
    "groups": ("functional groups", "groups", "functional group list"),
    "alerts": (
        "structural alerts",
        "alerts",
        "PAINS and Brenk alerts",
        "PAINS alerts",
        "Brenk alerts",
    ),
    "rule_of_five": (
        "rule of five",
        "Lipinski rule",
        "Lipinski's rule of five",
        "Ro5",
        "rule of 5",
    ),
    "fragments": ("number of fragments", "fragment count", "fragments", "number of components"),
}

ASK_VALUE: tuple[str, ...] = (
    "What is the {x} of {m}?",
    "What's the {x} of {m}?",
    "what is the {x} of {m}",
    "Give me the {x} of {m}.",
    "Tell me the {x} of {m}.",
    "Please give the {x} of {m}.",
    "Can you tell me the {x} of {m}?",
    "Could you report the {x} for {m}?",
    "I need the {x} of {m}.",
    "{x} of {m}?",
    "{x} for {m}",
    "Which {x} does {m} have?",
    "Do you know the {x} of {m}?",
    "State the {x} of {m}, please.",
    "How large is the {x} of {m}?",
    "Look up the {x} of {m}.",
    "Show me the {x} of {m}.",
    "Let me know the {x} of {m}.",
    "For {m}, what is the {x}?",
    "Report {x} of {m}.",
)

FOLLOW_UP: tuple[str, ...] = (
    "And the {x}?",
    "and its {x}?",
    "What about the {x}?",
    "How about {x}?",
    "{x}?",
    "Now the {x}, please.",
    "Also the {x}?",
    "and {x}",
    "Its {x}?",
    "Next, {x}.",
)

ASK_COUNT: tuple[str, ...] = (
    "How many {p} does {m} have?",
    "How many {p} are there in {m}?",
    "how many {p} in {m}?",
    "Count the {p} of {m}.",
    "How many {p} has {m}?",
    "Does {m} have {p}?",
    "How many {p}?",
    "Are there any {p} in {m}?",
)

COUNT_PLURALS: dict[str, str] = {
    "heavy_atoms": "heavy atoms",
    "hbd": "H-bond donors",
    "hba": "H-bond acceptors",
    "rotatable_bonds": "rotatable bonds",
    "rings": "rings",
    "ring_systems": "ring systems",
    "aromatic_rings": "aromatic rings",
    "stereocentres": "stereocentres",
    "fragments": "fragments",
}

COUNT_SINGULARS: dict[str, str] = {
    "heavy_atoms": "heavy atom",
    "hbd": "H-bond donor",
    "hba": "H-bond acceptor",
    "rotatable_bonds": "rotatable bond",
    "rings": "ring",
    "ring_systems": "ring system",
    "aromatic_rings": "aromatic ring",
    "fragments": "fragment",
}

SAY_VALUE: tuple[str, ...] = (
    "The {l} of {m} is {v}.",
    "{M} has {a} {l} of {v}.",
    "The computed {l} of {m} is {v}.",
)

STATED_AS: dict[str, str] = {
    "formula": "formula",
    "average_mass": "average mass",
    "exact_mass": "exact mass",
    "charge": "charge",
    "clogp": "cLogP",
    "tpsa": "TPSA",
    "fsp3": "Fsp3",
    "qed": "QED",
}

ASK_GROUP: tuple[str, ...] = (
    "Does {m} contain {g}?",
    "Is there {g} in {m}?",
    "Has {m} got {g}?",
    "does {m} have {g}?",
    "Can you see {g} in {m}?",
    "I think {m} has {g}. Is that right?",
    "Do you find {g} in {m}?",
    "Is {g} present in {m}?",
)

ASK_GROUPS: tuple[str, ...] = (
    "Which functional groups does {m} have?",
    "What functional groups are in {m}?",
    "List the functional groups of {m}.",
    "Name the functional groups of {m}.",
    "functional groups of {m}?",
    "What groups do you see in {m}?",
    "Which groups are present in {m}?",
    "Identify the functional groups in {m}, please.",
)

ASK_DESCRIBE: tuple[str, ...] = (
    "Describe {m}.",
    "What is {m}?",
    "Tell me about {m}.",
    "What can you tell me about {m}?",
    "Give me a short description of {m}.",
    "Explain {m} to me.",
    "Summarise {m}.",
    "Please describe {m} in a few sentences.",
    "What am I looking at?",
    "Can you describe the structure of {m}?",
    "What kind of molecule is {m}?",
    "Give an overview of {m}.",
)

ASK_PROPERTIES: tuple[str, ...] = (
    "List the main properties of {m}.",
    "What are the properties of {m}?",
    "Give me the key properties of {m}.",
    "Show all the facts of {m}.",
    "properties of {m}",
    "Tabulate the properties of {m}.",
    "Which properties were computed for {m}?",
)

ASK_NAME: tuple[str, ...] = (
    "What is the name of {m}?",
    "What is {m} called?",
    "Name {m}.",
    "Do you know the name of {m}?",
    "What's the common name of {m}?",
    "Which compound is {m}?",
    "Can you identify {m} by name?",
)

SAY_NAME: tuple[str, ...] = (
    "{M} is {v}.",
    "The name of {m} is {v}.",
    "{M} is known as {v}.",
)

SAY_NO_NAME: tuple[str, ...] = (
    "I do not know a name for {m}; its structure is not in my name table. Its formula is {f}.",
    "No name is known to me for {m}. The facts give the formula {f}, but a name would be a guess.",
    "I cannot name {m}: the name table does not hold this structure. Its formula is {f}.",
)

ASK_SMILES: tuple[str, ...] = (
    "What is the SMILES of {m}?",
    "Give me the SMILES of {m}.",
    "Write the SMILES of {m}.",
    "SMILES of {m}?",
    "Which SMILES did you get for {m}?",
)

SAY_SMILES: tuple[str, ...] = (
    "The SMILES of {m} is `{v}`.",
    "{M} is written `{v}`.",
    "The canonical SMILES of {m} is `{v}`.",
)

ASK_CHIRAL: tuple[str, ...] = (
    "Is {m} chiral?",
    "Does {m} have a chiral centre?",
    "Is the stereochemistry of {m} defined?",
    "Are all stereocentres of {m} set?",
    "What about the stereochemistry of {m}?",
)

ASK_RO5: tuple[str, ...] = (
    "Does {m} obey the rule of five?",
    "Is {m} Lipinski compliant?",
    "Does {m} pass Lipinski's rules?",
    "Is {m} drug-like by the rule of five?",
    "Any rule of five violations in {m}?",
)

ASK_ALERTS: tuple[str, ...] = (
    "Does {m} have structural alerts?",
    "Are there PAINS alerts in {m}?",
    "Any Brenk alerts for {m}?",
    "Is {m} a PAINS compound?",
    "Are there problematic groups in {m}?",
)

ASK_COMPARE: tuple[str, ...] = (
    "Compare {a} and {b}.",
    "How do {a} and {b} differ?",
    "What is the difference between {a} and {b}?",
    "Compare {a} with {b}, please.",
    "Give me a comparison of {a} and {b}.",
)

ASK_WHICH: dict[str, tuple[tuple[str, ...], str]] = {
    "average_mass": (
        (
            "Which of {a} and {b} is heavier?",
            "Which one is heavier, {a} or {b}?",
            "Is {a} heavier than {b}?",
        ),
        "heavier",
    ),
    "clogp": (
        ("Which of {a} and {b} is more lipophilic?", "Which has the higher cLogP, {a} or {b}?"),
        "more lipophilic",
    ),
    "tpsa": (
        ("Which of {a} and {b} is more polar?", "Which has the larger TPSA, {a} or {b}?"),
        "more polar",
    ),
    "rotatable_bonds": (
        ("Which of {a} and {b} is more flexible?", "Which has more rotatable bonds, {a} or {b}?"),
        "more flexible",
    ),
}

ASK_SURE: tuple[str, ...] = (
    "Are you sure?",
    "Is that correct?",
    "Really?",
    "How do you know?",
    "Where does that number come from?",
    "Can I trust that?",
)

SAY_SURE: tuple[str, ...] = (
    "Yes. RDKit computed it from the structure: the {l} of {m} is {v}.",
    "The value comes from the fact card, which RDKit computed: {l} {v}.",
    "I read it from the computed facts of {m}: {l} {v}.",
)

ASK_CORRECT: tuple[str, ...] = (
    "That is wrong, I think it is {w}.",
    "No, it should be {w}.",
    "I believe the {x} is {w}.",
    "Isn't the {x} {w}?",
)

SAY_CORRECT: tuple[str, ...] = (
    "The computed {l} of {m} is {v}, not {w}. Please check the drawing if you expected another value.",
    "RDKit gives {v} for the {l} of {m}, so I cannot confirm {w}.",
)

SAY_ABSENT: tuple[str, ...] = (
    "The {l} of {m} is not among the facts I was given, so I do not know it.",
    "I do not have the {l} of {m} and would rather not guess.",
    "The fact card of {m} does not give the {l}, so I cannot state it.",
)

ASK_WITHOUT: tuple[str, ...] = (
    "What is the {x}?",
    "What is the {x} of the molecule?",
    "Tell me the {x} of molecule 1.",
    "Describe the molecule.",
    "Which functional groups does it have?",
    "What is it called?",
    "How many rings does it have?",
)

SAY_WITHOUT: tuple[str, ...] = (
    "There is no molecule in this chat yet. Draw one or paste a SMILES, and I will compute its facts.",
    "I have no molecule to look at yet. Please draw one or paste its SMILES or name.",
    "No molecule is attached. Draw or paste one first, then ask again.",
)

UNKNOWN_TOPICS: tuple[str, ...] = (
    "melting point",
    "boiling point",
    "density",
    "flash point",
    "vapour pressure",
    "refractive index",
    "water solubility",
    "solubility",
    "solubility in ethanol",
    "pKa",
    "acidity",
    "basicity",
    "toxicity",
    "LD50",
    "price",
    "supplier",
    "CAS number",
    "biological activity",
    "biological target",
    "mechanism of action",
    "half-life",
    "bioavailability",
    "IC50",
    "dose",
    "dosage",
    "side effects",
    "medical use",
    "therapeutic use",
    "metabolism",
    "metabolites",
    "blood-brain barrier permeability",
    "hERG risk",
    "NMR spectrum",
    "1H NMR shifts",
    "13C NMR spectrum",
    "IR spectrum",
    "mass spectrum",
    "UV absorption maximum",
    "colour",
    "smell",
    "taste",
    "crystal structure",
    "space group",
    "stability",
    "shelf life",
    "storage conditions",
    "hazards",
    "GHS class",
    "patent status",
    "discoverer",
    "year of discovery",
    "IUPAC name",
    "systematic name",
    "natural source",
    "HOMO energy",
    "LUMO energy",
    "band gap",
    "dipole moment",
    "heat of formation",
    "reaction mechanism",
    "synthesis",
    "best synthesis route",
    "retrosynthesis",
    "protein binding",
    "clearance",
    "mutagenicity",
    "carcinogenicity",
    "environmental fate",
    "biodegradability",
    "redox potential",
    "viscosity",
    "docking score",
)

ASK_UNKNOWN: tuple[str, ...] = (
    "What is the {x} of {m}?",
    "What's the {x} of {m}?",
    "Tell me the {x} of {m}.",
    "Do you know the {x} of {m}?",
    "Can you predict the {x} of {m}?",
    "I need the {x} of {m}.",
    "Give me the {x}.",
    "and the {x}?",
    "Estimate the {x} of {m}.",
    "What do you know about the {x} of {m}?",
    "{x} of {m}?",
    "How about the {x}?",
)

ASK_UNKNOWN_FREE: tuple[tuple[str, str], ...] = (
    ("What is {m} used for?", "the uses"),
    ("Is {m} toxic?", "the toxicity"),
    ("Is {m} safe to handle?", "the hazards"),
    ("Is {m} a drug?", "the medical use"),
    ("Is {m} soluble in water?", "the water solubility"),
    ("How do I make {m}?", "a synthesis"),
    ("How can I synthesise {m}?", "a synthesis"),
    ("How would you prepare {m} from simple starting materials?", "a synthesis"),
    ("Suggest a retrosynthesis of {m}.", "a retrosynthesis"),
    ("Propose a retrosynthetic disconnection for {m}.", "a retrosynthesis"),
    ("Which precursors give {m}?", "the precursors"),
    ("What is the product of the reaction of {m}?", "the product of a reaction"),
    ("What happens when {m} reacts with sodium hydroxide?", "the product of a reaction"),
    ("What does {m} give on oxidation?", "the product of a reaction"),
    ("Predict the product of {m} with bromine.", "the product of a reaction"),
    ("Where does {m} occur in nature?", "the natural sources"),
    ("Who discovered {m}?", "the discoverer"),
    ("Does {m} cross the blood-brain barrier?", "the blood-brain barrier permeability"),
    ("Which enzyme does {m} inhibit?", "the biological target"),
    ("What does {m} do in the body?", "the biological activity"),
    ("How stable is {m} in air?", "the stability"),
    ("Is {m} explosive?", "the hazards"),
    ("How acidic is {m}?", "the pKa"),
    ("How basic is {m}?", "the pKa"),
    ("What colour is {m}?", "the colour"),
    ("At which temperature does {m} melt?", "the melting point"),
    ("Does {m} interact with alcohol?", "the interactions"),
    ("Can I take {m} with ibuprofen?", "the drug interactions"),
    ("Is {m} expensive?", "the price"),
    ("Which peaks would you expect in the NMR of {m}?", "the NMR spectrum"),
)

SAY_UNKNOWN: tuple[str, ...] = (
    "I do not know {x} of {m}. It is not among the facts I can compute, and I would only be guessing.",
    "I cannot tell you {x} of {m}: nothing in its computed facts gives it. A larger model, loaded with --llm, may know more.",
    "I have no reliable knowledge of {x} of {m}, so I will not make it up.",
    "I am not able to give {x} of {m}. I only answer from the structure and its computed facts.",
)

SAY_UNKNOWN_WITH_FACTS: tuple[str, ...] = (
    "I do not know {x} of {m}. What I can offer is computed: cLogP {clogp} and TPSA {tpsa}.",
    "I cannot predict {x} of {m}. The computed cLogP is {clogp} and the TPSA is {tpsa}.",
)

SAY_OFF_TOPIC: tuple[str, ...] = (
    "I can only help with molecules in this chat. For other questions, load a larger model with --llm.",
    "That is outside what I know. I answer questions about molecules you draw or paste.",
    "I do not know. I was trained to talk about molecules and their computed facts, nothing else.",
    "Sorry, I cannot help with that. Ask me about a molecule, or load a larger model with --llm.",
)

SAY_GENERAL_CHEMISTRY: tuple[str, ...] = (
    "That goes beyond what I know. I answer from the structure and computed facts of a molecule; a larger model, loaded with --llm, may help.",
    "I do not know enough general chemistry to answer that reliably. Ask me about a molecule you draw or paste.",
    "I cannot answer that reliably. I am a small model that talks about molecules and their computed facts.",
)

SMALL_TALK: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        (
            "Hello",
            "Hi",
            "hi there",
            "Hey",
            "Good morning",
            "Good afternoon",
            "hello!",
            "Hi!",
            "Good evening",
        ),
        (
            "Hello. Draw or paste a molecule and ask me about it.",
            "Hi. Which molecule shall we look at?",
        ),
    ),
    (
        (
            "Thanks",
            "Thank you",
            "thanks a lot",
            "Great, thank you!",
            "Perfect, thanks.",
            "ok thanks",
            "cheers",
        ),
        ("You are welcome.", "You are welcome. Ask on if you like.", "Glad to help."),
    ),
    (
        (
            "Who are you?",
            "What are you?",
            "What is your name?",
            "Are you a human?",
            "Are you ChatGPT?",
            "which model are you",
        ),
        (
            "I am Molecule Chat, a small language model that runs on this computer and reads the structure of the molecules you draw.",
            "I am Molecule Chat. I run locally and answer from the structure and computed facts of your molecules.",
        ),
    ),
    (
        (
            "What can you do?",
            "help",
            "How can you help me?",
            "What can I ask you?",
            "What are you good at?",
            "How does this work?",
        ),
        (
            "I can describe a molecule, give its computed facts, find functional groups, and compare two molecules. I do not know uses, safety or syntheses.",
            "Draw or paste a molecule. I can report its formula, masses, cLogP, TPSA, groups and stereocentres, and compare molecules. I say so when I do not know.",
        ),
    ),
    (
        ("Bye", "Goodbye", "See you", "that's all", "See you tomorrow"),
        ("Goodbye.", "Goodbye, and good luck in the lab."),
    ),
    (
        ("ok", "okay", "I see", "Interesting", "Nice", "good", "cool", "Understood"),
        ("Good. What would you like to know next?", "Ask on whenever you like."),
    ),
    (
        ("How are you?", "How is it going?", "Are you well?"),
        ("I am running well. Which molecule shall we look at?",),
    ),
    (
        (
            "Tell me a joke",
            "Sing a song",
            "Write a poem",
            "I love you",
            "You are stupid",
            "What time is it?",
            "how is the weather",
        ),
        (
            "I can only help with molecules in this chat.",
            "I leave that to others. Ask me about a molecule.",
        ),
    ),
    (
        (
            "What don't you know?",
            "What are you bad at?",
            "What are your limits?",
            "Can you be wrong?",
        ),
        (
            "I do not know uses, safety, prices, spectra or syntheses, and I can be wrong. Checked claims in my answers are marked.",
        ),
    ),
    (
        ("Why?", "why is that", "How come?", "Can you explain why?", "What does that mean for me?"),
        ("I cannot explain that reliably. I report what was computed from the structure.",),
    ),
    (
        (
            "Is my data private?",
            "Do you send my structures anywhere?",
            "Are you online?",
            "Is this confidential?",
        ),
        ("I run on this computer, and your structures stay here unless the host shares the link.",),
    ),
)

DEFINITIONS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("TPSA", "polar surface area"),
        "TPSA is the topological polar surface area: the summed contributions of polar atoms, mainly nitrogen and oxygen, in Å².",
    ),
    (
        ("cLogP", "logP"),
        "cLogP is a calculated estimate of logP, the logarithm of the octanol-water partition coefficient. Higher means more lipophilic.",
    ),
    (("Fsp3",), "Fsp3 is the fraction of carbon atoms that are sp3 hybridised."),
    (
        ("QED",),
        "QED is a score between 0 and 1 that estimates drug-likeness from eight computed properties.",
    ),
    (
        ("the rule of five", "Lipinski's rule", "Ro5"),
        "The rule of five says that oral drugs usually have a mass up to 500, a logP up to 5, at most 5 H-bond donors and at most 10 acceptors.",
    ),
    (
        ("a rotatable bond", "rotatable bonds"),
        "A rotatable bond is a single bond outside a ring between two non-terminal heavy atoms; amide bonds are not counted.",
    ),
    (
        ("exact mass", "the monoisotopic mass"),
        "The exact mass is computed with the masses of the most abundant isotopes, as seen in high-resolution mass spectrometry.",
    ),
    (
        ("average mass", "molecular weight"),
        "The average mass uses the natural isotope mixture of each element; it is the molar mass in g/mol.",
    ),
    (
        ("a stereocentre", "stereocentres", "a chiral centre"),
        "A stereocentre is an atom where exchanging two neighbours gives a stereoisomer, often a carbon with four different substituents.",
    ),
    (
        ("PAINS", "a PAINS alert"),
        "PAINS are substructures that often give false positives in biochemical assays.",
    ),
    (
        ("Brenk alerts", "a Brenk alert"),
        "Brenk alerts are substructures that are unwanted in screening collections because they are reactive, unstable or toxic.",
    ),
    (
        ("SMILES", "a SMILES"),
        "SMILES is a line notation that writes a molecule as text, atom by atom along its bonds.",
    ),
    (
        ("InChIKey", "an InChIKey"),
        "An InChIKey is a fixed-length hash of the InChI of a structure, useful for searching.",
    ),
    (
        ("a ring system", "ring systems"),
        "A ring system is a set of rings that share atoms or bonds.",
    ),
    (("a heavy atom", "heavy atoms"), "Heavy atoms are all atoms except hydrogen."),
    (
        ("an H-bond donor", "H-bond donors", "HBD"),
        "An H-bond donor is a nitrogen or oxygen atom that carries a hydrogen atom.",
    ),
    (
        ("an H-bond acceptor", "H-bond acceptors", "HBA"),
        "An H-bond acceptor is an atom, mostly nitrogen or oxygen, whose lone pair can accept a hydrogen bond.",
    ),
    (
        ("a functional group", "functional groups"),
        "A functional group is a set of atoms that gives a molecule a typical reactivity.",
    ),
    (
        ("an aromatic ring", "aromatic rings"),
        "An aromatic ring is a planar ring with a delocalised set of 4n + 2 pi electrons, such as benzene.",
    ),
)

ASK_DEFINITION: tuple[str, ...] = (
    "What is {x}?",
    "What does {x} mean?",
    "Explain {x}.",
    "What do you mean by {x}?",
    "Define {x}.",
    "what is {x}",
)

ELEMENTS: dict[str, str] = {
    "C": "carbon", "H": "hydrogen", "N": "nitrogen", "O": "oxygen", "S": "sulfur", "P": "phosphorus",
    "F": "fluorine", "Cl": "chlorine", "Br": "bromine", "I": "iodine", "Si": "silicon", "B": "boron", "Na": "sodium",
}  # fmt: skip

ASK_ELEMENT: tuple[str, ...] = (
    "Does {m} contain {e}?",
    "Is there {e} in {m}?",
    "Does {m} have any {e}?",
    "does {m} contain {e} atoms",
    "Are there {e} atoms in {m}?",
)

ASK_ELEMENT_COUNT: tuple[str, ...] = (
    "How many {e} atoms does {m} have?",
    "How many {e}s are in {m}?",
    "Count the {e} atoms of {m}.",
    "How many {e} atoms are there in {m}?",
    "number of {e} atoms in {m}?",
)

THRESHOLDS: dict[str, tuple[str, ...]] = {
    "average_mass": ("150", "200", "250", "300", "350", "400", "450", "500", "600"),
    "clogp": ("0", "1", "2", "3", "4", "5"),
    "tpsa": ("20", "40", "60", "75", "90", "100", "120", "140"),
    "rotatable_bonds": ("2", "3", "5", "7", "10"),
    "hbd": ("1", "2", "3", "5"),
    "hba": ("2", "4", "6", "8", "10"),
}

ASK_THRESHOLD: tuple[str, ...] = (
    "Is the {x} of {m} {c} {n}?",
    "is {x} {c} {n} for {m}?",
    "Would you say the {x} of {m} is {c} {n}?",
    "Does {m} have a {x} {c} {n}?",
)

ASK_CHARGED: tuple[str, ...] = (
    "Is {m} charged?",
    "Is {m} neutral?",
    "Is {m} an ion?",
    "Does {m} carry a charge?",
    "Is {m} a salt or an ion?",
)

ASK_AROMATIC: tuple[str, ...] = (
    "Is {m} aromatic?",
    "Does {m} have an aromatic ring?",
    "Is there an aromatic ring in {m}?",
    "Does {m} contain aromatic rings?",
)

ASK_PRODUCT: tuple[str, ...] = (
    "What is the product of the reaction of {a} and {b}?",
    "What do you get from {a} and {b}?",
    "What happens when {a} reacts with {b}?",
    "Predict the product of {a} with {b}.",
    "Do {a} and {b} react with each other?",
    "Can {a} be given together with {b}?",
)

SAY_UNKNOWN_PRODUCT: tuple[str, ...] = (
    "I do not know {x}. I was not trained on reactions, so a product of molecule {a} and molecule {b} would be a guess.",
    "I cannot predict how molecule {a} and molecule {b} behave together. A larger model, loaded with --llm, may know more.",
)

ASK_COMPARE_NUMBERS: tuple[str, ...] = (
    "Compare molecules {a} and {b}.",
    "Compare compounds {a} and {b}, please.",
    "How do molecules {a} and {b} differ?",
)

NUMBER_WORDS: tuple[str, ...] = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
