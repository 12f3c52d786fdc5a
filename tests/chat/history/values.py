"""Messages and conversations that the tests of the history share."""

from assistant.chat.check import Check
from assistant.chat.conversation import Conversation, Message, PairQuestion
from assistant.chat.mixture import ExpertScalings
from assistant.chem.molecule import Molecule

ASPIRIN = Molecule("CC(=O)Oc1ccccc1C(=O)O", name="aspirin")
ETHANOL = Molecule("CCO", name="ethanol")


def question(text: str, *attached: int) -> Message:
    return Message("user", text, attached=attached)


def answer(text: str) -> Message:
    """An answer with everything that an answer can carry."""
    return Message(
        "assistant",
        text,
        token_ids=(3, 1, 4),
        model="fingerprint",
        checks=(
            Check(0, 4, "contradicted", "count", text[:4], "1 ring", molecule=1),
            Check(5, 6, "confirmed", "smiles", "C", None, smiles="C"),
        ),
        passport={"seed": 0, "molecules": {"1": {"smiles": ASPIRIN.smiles}}, "µ": [1.5, None]},
        stopped=True,
        scalings=ExpertScalings("exact", ("a", "b"), ("q",), ((0.25, 0.75),)),
    )


def conversation(*molecules: Molecule) -> Conversation:
    now = Conversation()
    for molecule in molecules:
        now, _ = now.with_molecule(molecule)
    return now


PAIR = Message("user", "Do they interact?", pair=PairQuestion(1, 2, "drug_drug"))
