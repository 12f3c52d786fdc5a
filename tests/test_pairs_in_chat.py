"""Pairs through the whole chain: bundle, prompt, tokens, 4-bit model, answer and score."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from assistant.assistant import Assistant
from assistant.bundle import Bundle
from assistant.chat.conversation import Conversation, Message, PairQuestion
from assistant.chat.events import Event, Finished, Notice
from assistant.chat.reply import ReplyOptions
from assistant.checkpoint import ComponentInfo, read_info, save_component
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import MoleculePair, pair_task
from assistant.chem.shapes import SandboxedShapes
from assistant.components import load_components
from assistant.errors import AssistantError, BundleError, PromptTooLongError
from assistant.evaluate.arms import ControlledPairs, arm_of
from assistant.graph.pairs.alignment import AlignmentConfig
from assistant.graph.pairs.encoders2d import Encoder2DConfig
from assistant.graph.pairs.encoders3d import Encoder3DConfig
from assistant.graph.pairs.interactions import InteractionConfig
from assistant.graph.pairs.model import PairConfig, PairModel
from assistant.pair_encoding import PairEncoder
from tests.bundles import write_tiny_bundle

ASPIRIN, ETHANOL = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O", name="aspirin"), Molecule.parse("CCO")
SHORT = ReplyOptions(temperature=1.0, seed=3, max_new_tokens=6)
CONFIG = PairConfig(
    d_llm=64,
    d_model=16,
    encoder_2d=Encoder2DConfig("gin", 16, 2),
    alignment=AlignmentConfig(n_tokens=3, n_heads=2),
    interaction=InteractionConfig(n_heads=2),
    n_conformers=2,
)


def write_pairs(directory: Path, config: PairConfig, **info: object) -> None:
    """Puts a pair model into a bundle."""
    torch.manual_seed(4)
    model = PairModel(config)
    torch.nn.init.normal_(model.out.weight, std=0.5)
    fingerprint = read_info(directory / "projector").base_model
    values = {"component": "pairs", "base_model": fingerprint} | info
    save_component(directory / "pairs", model, config, ComponentInfo(**values))
    bundle = json.loads((directory / "bundle.json").read_text())
    bundle["components"]["pairs"] = "pairs"
    (directory / "bundle.json").write_text(json.dumps(bundle))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "pairs")
    write_pairs(directory, CONFIG)
    return directory


@pytest.fixture(scope="module")
def assistant(directory: Path) -> Assistant:
    return Assistant.load(directory, device="cpu")


def asked(pair: PairQuestion | None, text: str = "Do they interact?") -> Conversation:
    conversation, _ = Conversation().with_molecule(ASPIRIN)
    conversation, _ = conversation.with_molecule(ETHANOL)
    return conversation.with_message(Message("user", text, (1, 2), pair=pair))


def events_of(assistant: Assistant, conversation: Conversation) -> list[Event]:
    return list(assistant.reply(conversation, options=SHORT))


def status_of(directory: Path) -> tuple[bool, str]:
    _, parts = load_components(Bundle.read(directory), llm=None, quantize="4bit", device="cpu")
    return next((on, why) for name, on, why in parts.states if name == "pair tokens")


def test_a_trained_pair_model_is_on(assistant: Assistant) -> None:
    adapter = next(a for a in assistant.status().adapters if a.name == "pair tokens")
    assert adapter.on
    assert adapter.reason == ""


def test_a_question_about_a_pair_is_answered_with_its_tokens(assistant: Assistant) -> None:
    conversation = asked(PairQuestion(1, 2, "drug_drug"))
    prompting = assistant.prompting
    fitted = prompting.fit(conversation)
    pairs = prompting.pairs(fitted)
    spliced = prompting.splice(fitted, pairs)
    assert spliced.n_tokens == prompting.count(fitted.layout)
    [encoding] = pairs.values()
    marks = [mark for mark, _ in spliced.content]
    start = marks.index(f"{encoding.tokens_hash}:0")
    torch.testing.assert_close(spliced.inputs_embeds[0, start : start + 3], encoding.tokens)
    [finished] = [e for e in events_of(assistant, conversation) if isinstance(e, Finished)]
    assert finished.message.passport["pair"] == {"first": 1, "second": 2, "task": "drug_drug"}
    assert finished.message.passport["focus"] == [1, 2]


def test_memory_that_ends_while_a_pair_is_read_empties_caches_and_then_is_told(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, prompting = assistant.components, assistant.prompting
    assert parts.encoder is not None
    assert parts.pairs is not None
    fitted = prompting.fit(asked(PairQuestion(1, 2, "drug_drug")))
    parts.pairs.clear()
    read, tries = parts.pairs.model.forward, []

    def full(n_times: int) -> None:
        tries.clear()

        def forward(*given: object) -> object:
            tries.append(parts.encoder.n_bytes)
            if len(tries) <= n_times:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return read(*given)

        monkeypatch.setattr(parts.pairs.model, "forward", forward)

    full(1)
    parts.encoder.encode([ETHANOL])
    assert len(prompting.pairs(fitted)) == 1
    assert tries[0] > 0
    assert tries[1:] == [0]
    parts.pairs.clear()
    full(2)
    with pytest.raises(PromptTooLongError, match="memory is full"):
        prompting.pairs(fitted)
    assert len(tries) == 2


def test_a_stand_in_for_pairs_empties_the_caches_of_what_it_stands_for(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, n_computed = assistant.components.pairs, []
    assert encoder is not None
    read, pair = encoder.model.forward, MoleculePair(ASPIRIN, ETHANOL, pair_task("drug_drug"))
    monkeypatch.setattr(encoder.model, "forward", lambda *g: n_computed.append(1) or read(*g))
    encoder.clear()
    encoder.encode([pair]), encoder.encode([pair])
    assert len(n_computed) == 1
    ControlledPairs(encoder, arm_of("zero-graph"), [ASPIRIN, ETHANOL]).clear()
    encoder.encode([pair])
    assert len(n_computed) == 2


def test_the_pair_stays_in_the_prompt_of_later_turns(assistant: Assistant) -> None:
    conversation = asked(PairQuestion(1, 2, "solvation"))
    answer = events_of(assistant, conversation)[-1].message
    later = conversation.with_message(answer).with_message(Message("user", "Why?"))
    fitted = assistant.prompting.fit(later)
    assert len(assistant.prompting.pairs(fitted)) == 1


def test_the_score_is_the_same_both_ways_round_and_a_probability(assistant: Assistant) -> None:
    task = pair_task("drug_drug")
    there = assistant.score_pair(MoleculePair(ASPIRIN, ETHANOL, task))
    back = assistant.score_pair(MoleculePair(ETHANOL, ASPIRIN, task))
    assert there == back
    assert 0.0 < there.probability < 1.0
    other = assistant.score_pair(MoleculePair(ASPIRIN, Molecule.parse("c1ccccc1"), task))
    assert other.log_odds != there.log_odds


def test_a_value_task_has_no_yes_or_no_to_score(assistant: Assistant) -> None:
    with pytest.raises(AssistantError, match="solvation is answered by a value"):
        assistant.score_pair(MoleculePair(ASPIRIN, ETHANOL, pair_task("solvation")))


def test_pair_tokens_reach_the_score(assistant: Assistant) -> None:
    pair = MoleculePair(ASPIRIN, ETHANOL, pair_task("drug_drug"))
    with_tokens = assistant.score_pair(pair)
    parts = replace(assistant.components, pairs=None)
    without = assistant.with_parts(parts, assistant.prompting.render)
    assert abs(without.score_pair(pair).log_odds - with_tokens.log_odds) > 1e-4


def test_without_pair_tokens_the_question_is_answered_from_the_rest(
    assistant: Assistant,
) -> None:
    parts = replace(assistant.components, pairs=None)
    without = assistant.with_parts(parts, assistant.prompting.render)
    events = events_of(without, asked(PairQuestion(1, 2, "drug_drug")))
    assert isinstance(events[-1], Finished)


def test_a_pair_model_that_does_not_fit_is_off_or_refused(directory: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(directory, tmp_path / "other")
    write_pairs(directory, CONFIG, trained=False)
    assert status_of(directory) == (False, "not trained yet")
    write_pairs(directory, CONFIG, base_model="another")
    assert status_of(directory) == (False, "trained for another language model than llm")
    write_pairs(directory, replace(CONFIG, d_llm=32))
    with pytest.raises(BundleError, match="width 32, the language model llm reads 64"):
        status_of(directory)


def test_a_missing_shape_is_a_notice_and_not_a_failure(assistant: Assistant) -> None:
    config = replace(CONFIG, encoder_3d=Encoder3DConfig("schnet", 16, 2))
    encoder = PairEncoder(PairModel(config), SandboxedShapes(), dtype=torch.bfloat16)
    parts = replace(assistant.components, pairs=encoder)
    shapeless = assistant.with_parts(parts, assistant.prompting.render)
    conversation, _ = Conversation().with_molecule(ASPIRIN)
    conversation, _ = conversation.with_molecule(Molecule.parse("*CCO"))
    question = Message("user", "?", pair=PairQuestion(1, 2, "solvation"))
    events = events_of(shapeless, conversation.with_message(question))
    [notice] = [e.text for e in events if isinstance(e, Notice)]
    assert notice.startswith("One molecule of the pair was read without a 3D shape. No 3D shape")
    assert isinstance(events[-1], Finished)
