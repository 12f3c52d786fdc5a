"""Arms change what they say and nothing else; without a molecule none changes anything."""

from pathlib import Path

import pytest
import torch

from assistant.assistant import Assistant
from assistant.chat.conversation import Conversation, Message
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.arms import ARMS, another, arm_of, in_arm
from tests.bundles import write_tiny_bundle

ASPIRIN = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O")
OTHERS = [ASPIRIN, Molecule.parse("CCO"), Molecule.parse("c1ccccc1")]
OWN_ARMS = {name: arm for name, arm in ARMS.items() if arm.reactions == "own"}
"""The others are about who answers questions about reactions."""


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    bundle = write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    return Assistant.load(bundle, device="cpu")


def about(molecule: Molecule | None) -> Conversation:
    conversation, numbers = Conversation(), ()
    if molecule:
        conversation, number = conversation.with_molecule(molecule)
        numbers = (number,)
    return conversation.with_message(Message("user", "What is it?", numbers))


def spliced(assistant: Assistant, name: str, molecule: Molecule = ASPIRIN):
    return in_arm(assistant, arm_of(name), OTHERS).prompting.spliced(about(molecule))


def prompt(assistant: Assistant, name: str) -> str:
    rendered = in_arm(assistant, arm_of(name), OTHERS).prompting.render(about(ASPIRIN), "")
    return "".join(part for part in rendered.messages[-1].parts if isinstance(part, str))


def graph_part(assistant: Assistant, name: str) -> torch.Tensor:
    found = spliced(assistant, name)
    marks = [isinstance(mark, str) for mark, _ in found.content]
    return found.inputs_embeds[0, torch.tensor(marks)]


def test_every_arm_of_a_whole_bundle_answers(assistant: Assistant) -> None:
    scores = {
        name: in_arm(assistant, arm, OTHERS).log_likelihood(about(ASPIRIN), "It is an acid.")[0]
        for name, arm in OWN_ARMS.items()
    }
    assert {name for name, arm in OWN_ARMS.items() if arm.shows_all} == {"full", "first-attempt"}
    # It changes what is done with an answer, and nothing that is shown.
    assert scores.pop("first-attempt") == scores["full"]
    assert len(set(scores.values())) == len(scores)  # no two arms are the same thing


def test_without_a_molecule_no_arm_changes_a_bit(assistant: Assistant) -> None:
    values = {
        in_arm(assistant, arm, OTHERS).log_likelihood(about(None), "Water boils at 100 °C.")
        for arm in OWN_ARMS.values()
    }
    assert len(values) == 1


def test_text_arms_show_what_they_are_called_after(assistant: Assistant) -> None:
    assert "SMILES: CC" in prompt(assistant, "text-only")
    assert "TPSA" not in prompt(assistant, "text-only")
    assert "SMILES" not in prompt(assistant, "card-only")
    assert "TPSA" in prompt(assistant, "card-only")
    assert prompt(assistant, "wrong-molecule") == prompt(assistant, "full")


def test_graph_arms_keep_the_length_of_the_prompt(assistant: Assistant) -> None:
    own, wrong, zero = (
        graph_part(assistant, name) for name in ("full", "wrong-molecule", "zero-graph")
    )
    assert own.shape == wrong.shape == zero.shape
    assert not torch.equal(own, wrong)
    assert not zero.any()
    assert len(graph_part(assistant, "no-graph")) == 0


def test_a_change_of_graph_leaves_the_weights_and_the_other_way_round(assistant: Assistant) -> None:
    full, graph, weights = (
        spliced(assistant, name) for name in ("full", "wrong-graph", "wrong-generator")
    )
    assert graph.answer_content == full.answer_content != weights.answer_content
    assert torch.equal(weights.inputs_embeds, full.inputs_embeds)
    assert not torch.equal(graph.inputs_embeds, full.inputs_embeds)
    assert spliced(assistant, "no-generator").deltas == ()


def test_the_bundle_itself_stays_as_it_was(assistant: Assistant) -> None:
    before = assistant.log_likelihood(about(ASPIRIN), "It is an acid.")
    in_arm(assistant, ARMS["wrong-molecule"], OTHERS).log_likelihood(about(ASPIRIN), "No.")
    assert assistant.log_likelihood(about(ASPIRIN), "It is an acid.") == before


def test_another_molecule_is_never_the_same_and_always_the_same_one() -> None:
    for molecule in OTHERS:
        assert another(molecule, OTHERS) != molecule
        assert another(molecule, OTHERS) == another(molecule, OTHERS)
    with pytest.raises(AssistantError, match="second molecule"):
        another(ASPIRIN, [ASPIRIN])


def test_an_arm_without_its_part_is_refused(tmp_path: Path, assistant: Assistant) -> None:
    stripped = in_arm(assistant, ARMS["no-graph"], OTHERS)
    with pytest.raises(AssistantError, match="instance LoRA"):
        in_arm(stripped, ARMS["no-generator"], OTHERS)
    with pytest.raises(AssistantError, match="graph tokens"):
        in_arm(stripped, ARMS["wrong-molecule"], OTHERS)


def test_an_unknown_arm_lists_the_known_ones() -> None:
    with pytest.raises(AssistantError, match=r"'half'.*full, text-only"):
        arm_of("half")


def test_an_arm_without_a_card_is_not_shown_a_line_of_it(assistant: Assistant) -> None:
    def shown(name: str) -> str:
        render = in_arm(assistant, arm_of(name), OTHERS).prompting.render
        rendered = render(about(ASPIRIN), "", lines=frozenset({"tpsa"}))
        return "".join(part for part in rendered.messages[-1].parts if isinstance(part, str))

    assert "TPSA: " in shown("full")
    assert "TPSA" not in shown("no-card")
    for name in ("full", "no-card", "card-only"):
        assert "SMILES" not in shown(name)
        assert "formula" not in shown(name)
