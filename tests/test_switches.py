"""An answer without an adapter is that of a bundle which does not have it, and says so."""

import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from assistant.assistant import Assistant
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished
from assistant.chat.reply import SWITCHED_OFF, ReplyOptions
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.replay import replay_text
from tests.bundles import write_tiny_bundle

ASPIRIN = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O", name="aspirin")
SPELLING = "OC(=O)c1ccccc1OC(C)=O"
OPTIONS = ReplyOptions(temperature=0.7, seed=3, max_new_tokens=12)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    write_tiny_bundle(folder / "tiny", experts=True)
    return folder


@pytest.fixture(scope="module")
def assistant(checkpoints: Path) -> Assistant:
    return Assistant.load(checkpoints / "tiny", device="cpu")


def asked(text: str = "What is it?") -> Conversation:
    conversation, number = Conversation().with_molecule(ASPIRIN)
    return conversation.with_message(Message("user", text, (number,)))


def answer(assistant: Assistant, options: ReplyOptions) -> Finished:
    *_, last = assistant.reply(asked(), options=options)
    assert isinstance(last, Finished)
    return last


@pytest.mark.parametrize(
    ("off", "missing"),
    [
        ({"graph_tokens": False}, ("projector",)),
        ({"instance_lora": False}, ("generator",)),
        ({"experts": "off"}, ("experts",)),
        ({"graph_tokens": False, "instance_lora": False}, ("projector", "generator")),
    ],
)
def test_off_is_as_if_the_bundle_had_it_not(
    assistant: Assistant, checkpoints: Path, tmp_path: Path, off: dict, missing: tuple[str, ...]
) -> None:
    less = copytree(checkpoints / "tiny", tmp_path / "less")
    values = json.loads((less / "bundle.json").read_text(encoding="utf-8"))
    values["components"] = {k: v for k, v in values["components"].items() if k not in missing}
    (less / "bundle.json").write_text(json.dumps(values), encoding="utf-8")
    wanted = answer(Assistant.load(less, device="cpu"), OPTIONS).message
    found = answer(assistant, replace(OPTIONS, **off)).message
    whole = answer(assistant, OPTIONS).message
    assert (found.token_ids, found.scalings) == (wanted.token_ids, wanted.scalings)
    assert (found.token_ids, found.scalings) != (whole.token_ids, whole.scalings)
    reasons = {a["reason"] for a in found.passport["model"]["adapters"] if not a["on"]}
    assert SWITCHED_OFF in reasons
    assert all(a.on for a in assistant.status().adapters if a.name != "pair tokens")


def test_a_spelling_is_written_into_the_prompt(assistant: Assistant) -> None:
    plain = answer(assistant, OPTIONS).message
    spelled = answer(assistant, replace(OPTIONS, spellings={1: SPELLING})).message
    assert spelled.passport["prompt_sha256"] != plain.passport["prompt_sha256"]
    assert spelled.passport["sampling"]["spellings"] == {"1": SPELLING}
    same = answer(assistant, replace(OPTIONS, spellings={1: ASPIRIN.smiles})).message
    assert same.passport["prompt_sha256"] == plain.passport["prompt_sha256"]


def test_a_spelling_of_another_molecule_is_refused(assistant: Assistant) -> None:
    with pytest.raises(AssistantError, match="CCO is not molecule 1"):
        answer(assistant, replace(OPTIONS, spellings={1: "CCO"}))


@pytest.mark.parametrize(
    "options",
    [
        replace(OPTIONS, graph_tokens=False, experts="off"),
        replace(OPTIONS, instance_lora=False, spellings={1: SPELLING}),
    ],
)
def test_its_passport_makes_it_again(
    assistant: Assistant, checkpoints: Path, options: ReplyOptions
) -> None:
    passport = answer(assistant, options).message.passport
    (report,) = replay_text(json.dumps(passport), checkpoints=checkpoints, device="cpu")
    assert report.equal
    assert report.environment == ()


def test_memory_of_its_own_is_that_of_prompt_weights_and_cache(assistant: Assistant) -> None:
    whole = answer(assistant, OPTIONS).figures
    plain = answer(assistant, replace(OPTIONS, experts="off")).figures
    less = answer(assistant, replace(OPTIONS, experts="off", instance_lora=False)).figures
    per_token = 2 * 2 * 2 * 16 * 4  # keys and values, 2 layers, 2 heads of 16, fp32
    n_tokens = plain.prompt_tokens + plain.answer_tokens
    n_bases = less.prompt_tokens + less.answer_tokens
    assert less.own_bytes == n_bases * per_token + less.prompt_tokens * 64 * 4
    assert plain.own_bytes > n_tokens * per_token + plain.prompt_tokens * 64 * 4  # and ΔW
    n_more = whole.answer_tokens - plain.answer_tokens
    assert whole.own_bytes == plain.own_bytes + (n_tokens + 2 * n_more) * per_token
