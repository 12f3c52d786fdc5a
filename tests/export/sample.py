"""A conversation that has everything an export has to keep."""

from datetime import datetime

from assistant.chat.check import Check
from assistant.chat.conversation import Conversation, Message, PairQuestion
from assistant.chat.mixture import ExpertScalings
from assistant.chem.molecule import Molecule
from assistant.export.source import Export, export_of

WHEN = datetime(2026, 11, 26, 10, 22)
TEXT = (
    "This is aspirin. Its formula is C9H8O4 and it has 2 rings.\n\n"
    "- it is an **ester**\n- it hydrolyses to O=C(O)c1ccccc1O in water\n\n"
    "The taste is bitter | <b>α</b>."
)
SALICYLIC = "O=C(O)c1ccccc1O"
PASSPORT = {
    "format_version": 1,
    "time": "2026-11-26T10:20:00+00:00",
    "molecules": {"1": {"smiles": "CC(=O)Oc1ccccc1C(=O)O", "inchikey": "BSYNRYMUTXBXSQ"}},
    "model": {"model": "default", "bundle_sha256": "ab" * 32, "adapters": []},
    "sampling": {"seed": 3, "temperature": 0.0},
    "prompt_sha256": "cd" * 32,
}


def check(phrase: str, verdict: str, truth: str | None = None, **more: object) -> Check:
    start = TEXT.index(phrase)
    kind = str(more.pop("kind", "formula"))
    return Check(start, start + len(phrase), verdict, kind, phrase, truth, **more)


CHECKS = (
    check("C9H8O4", "confirmed", "C9H8O4", molecule=1),
    check("2 rings", "contradicted", "1 ring", kind="count", molecule=1),
    check(SALICYLIC, "confirmed", kind="smiles", smiles=SALICYLIC),
    check("taste is bitter", "unverifiable", kind="other"),
)


def conversation() -> Conversation:
    talk, _ = Conversation().with_molecule(
        Molecule.parse("CC(=O)Oc1ccccc1C(=O)O", name="aspirin"), "reactant"
    )
    talk, _ = talk.with_molecule(Molecule.parse("C[C@H](N)C(=O)O"))
    talk, extra = talk.with_molecule(Molecule.parse("CCO"))
    talk = talk.without_molecule(extra)  # its number is never given again
    scalings = ExpertScalings("turn", ("mol", "rxn"), ("q", "v"), ((0.25, 0.75), (0.5, 0.5)))
    pair = PairQuestion(1, 2, "drug_drug")
    for question in (
        Message("user", "What is C[C@H](N)C(=O)O?\n- *really*", attached=(1,)),
        Message(
            "assistant", TEXT, token_ids=(5, 6, 7), model="ab12", checks=CHECKS,
            passport=PASSPORT, scalings=scalings,
        ),
        Message("user", "Do they interact?", pair=pair),
        Message("assistant", "Perhaps", stopped=True),
    ):  # fmt: skip
        talk = talk.with_message(question)
    return talk


NOTE = "predicted by the language model, not computed: off by 0.0058 Hartree on average"


def predicted() -> Conversation:
    """A conversation with a number that the model predicts."""
    text = "HOMO energy: -0.2630 Hartree"
    said = Check(0, len(text), "unverifiable", "HOMO energy", text, None, 1, note=NOTE, near="CCO")
    talk, number = Conversation().with_molecule(Molecule.parse("CCCO"))
    talk = talk.with_message(Message("user", "Its HOMO energy?", (number,)))
    return talk.with_message(Message("assistant", text, checks=(said,)))


def sample() -> Export:
    return export_of(conversation(), WHEN)
