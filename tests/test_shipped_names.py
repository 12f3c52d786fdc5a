"""The shipped bundle calls common molecules by their names when it is asked what they are."""

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.assistant import Assistant
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished
from assistant.chem.names import built_in_names

BUNDLE = Path(__file__).resolve().parents[1] / "checkpoints" / "default"
# First attempts: rosane, cholelezine, rarfarin, all.
_HARD = ("phenol", "cholesterol", "warfarin", "hexane")
_COMMON = """
aniline, pyridine, benzene, toluene, furan, thiophene, pyrrole, indole, quinoline,
imidazole, ethanol, naphthalene, methanol, acetone, acetic acid, ethyl acetate, benzoic
acid, benzaldehyde, styrene, urea, aspirin, ibuprofen, paracetamol, caffeine, nicotine,
glucose, morphine, penicillin G, dopamine, glycine, serotonin, adrenaline, alanine,
naproxen, diazepam, metformin, atorvastatin, imatinib, sildenafil, DMF, cocaine, vanillin,
menthol, camphor, limonene, anisole, cyclohexane, DMSO, THF, dichloromethane, lidocaine,
chloroform, acetonitrile, triethylamine, piperidine, morpholine, salicylic acid, citric
acid, ketamine, testosterone, estradiol
"""


@pytest.fixture(scope="module")
def assistant() -> Assistant:
    return Assistant.load(BUNDLE, device="cpu")


def is_named(assistant: Assistant, name: str) -> bool:
    """Whether the answer to what a molecule is begins with what the page calls it."""
    names = built_in_names()
    molecule = names.find(name).molecule()
    called = names.name_of(molecule) or name
    conversation, number = Conversation().with_molecule(replace(molecule, name=called))
    asked = Message("user", "What is this molecule?", (number,))
    *_, done = assistant.reply(conversation.with_message(asked))
    assert isinstance(done, Finished)
    return done.message.text.lower().startswith(f"molecule 1 is {called.lower()}")


@pytest.mark.parametrize("name", _HARD)
def test_a_common_molecule_is_called_by_its_name(name: str, assistant: Assistant) -> None:
    assert is_named(assistant, name)


@pytest.mark.slow
def test_hardly_any_common_molecule_gets_another_name(assistant: Assistant) -> None:
    names = [*_HARD, *(" ".join(name.split()) for name in _COMMON.split(","))]
    wrong = [name for name in names if not is_named(assistant, name)]
    assert len(wrong) <= 2, wrong
