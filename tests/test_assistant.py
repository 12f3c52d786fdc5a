"""The whole chain on a tiny random bundle: graph tokens, ΔW, stream, checks, passport."""

import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from assistant.adapters.lora import step_adapters
from assistant.assistant import Assistant
from assistant.bundle import Bundle
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Event, Finished, Measured, Notice, TextDelta
from assistant.chat.reply import AdapterStatus, ReplyOptions
from assistant.chat.view import View
from assistant.checkpoint import write_json
from assistant.chem.molecule import Molecule
from assistant.encoding import MoleculeEncoding
from assistant.errors import BundleError, PromptTooLongError, VisitorLimitError
from assistant.evaluate.arms import ControlledEncoder, arm_of
from assistant.graph.encoder import GraphLevels
from assistant.llm.layout import text_ids
from assistant.llm.queue import VisitorLimits
from assistant.llm.splice import splice
from assistant.masking import MaskedEncoder
from assistant.metrics import Registry
from assistant.prompting import without_oldest
from assistant.retrieval.index import Captioned, build_index
from assistant.switches import PartialEncoder
from tests.bundles import write_tiny_bundle
from tests.test_metrics import parse

ASPIRIN = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O", name="aspirin")
ETHANOL = Molecule.parse("CCO")
# Sampled: the most probable token of random weights is often a control token, which has no text.
SHORT = ReplyOptions(temperature=1.0, seed=3, max_new_tokens=12)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def assistant(bundle: Path) -> Assistant:
    return Assistant.load(bundle, device="cpu")


def question(text: str, *molecules: Molecule) -> Conversation:
    conversation = Conversation()
    numbers = []
    for molecule in molecules:
        conversation, number = conversation.with_molecule(molecule)
        numbers.append(number)
    return conversation.with_message(Message("user", text, tuple(numbers)))


def finished(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def test_everything_of_the_bundle_is_on(assistant: Assistant) -> None:
    status = assistant.status()
    assert {a.name: a.on for a in status.adapters} == {
        "graph tokens": True,
        "instance LoRA": True,
        "experts": False,
        "pair tokens": False,
    }
    assert (status.model, status.quantisation) == ("tiny", "nf4")


def test_streamed_text_is_the_text_of_the_message(assistant: Assistant) -> None:
    events = list(assistant.reply(question("What is it?", ASPIRIN), options=SHORT))
    text = "".join(e.text for e in events if isinstance(e, TextDelta))
    message = finished(events).message
    assert message.text == text
    assert 0 < len(message.token_ids) <= 12


def test_a_generator_that_fails_for_one_molecule_ends_only_its_own_request(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = assistant.components.encoder
    assert encoder is not None
    bad, good = Molecule.parse("CCCO"), Molecule.parse("CCCCO")
    n_atoms = {len(molecule.rdmol().GetAtoms()): molecule for molecule in (bad, good)}
    generate = encoder.generator.forward

    def failing(levels: GraphLevels, *given: object, **named: object) -> object:
        if n_atoms.get(levels.atoms.shape[2]) is bad:
            raise RuntimeError("singular")
        return generate(levels, *given, **named)

    def answer(molecule: Molecule) -> tuple[int, ...]:
        reply = assistant.reply(question("What is it?", molecule), options=SHORT)
        return finished(list(reply)).message.token_ids

    with monkeypatch.context() as patch:
        patch.setattr(encoder.generator, "forward", failing)
        with ThreadPoolExecutor() as pool:
            failed, found = pool.submit(answer, bad), pool.submit(answer, good)
        with pytest.raises(RuntimeError, match="singular"):
            failed.result()
    assert found.result() == answer(good)
    assert len(answer(bad)) > 0


def test_memory_that_ends_while_a_molecule_is_read_is_told_and_ends_only_its_own_request(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, new = assistant.components.encoder, Molecule.parse("CCCCCO")
    assert encoder is not None

    def full(*given: object, **named: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    with monkeypatch.context() as patch:
        patch.setattr(encoder.generator, "forward", full)
        with pytest.raises(PromptTooLongError, match="memory is full"):
            list(assistant.reply(question("What is it?", new), options=SHORT))
    reply = assistant.reply(question("What is it?", new), options=SHORT)
    assert len(finished(list(reply)).message.token_ids) > 0


def test_when_memory_ends_once_the_caches_go_and_the_answer_comes(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, new = assistant.components.encoder, Molecule.parse("CCCCCCO")
    assert encoder is not None
    encoder.encode([ASPIRIN])
    generate, kept = encoder.generator.forward, []

    def full_while_anything_is_kept(*given: object, **named: object) -> object:
        kept.append(encoder.n_bytes)
        if encoder.n_bytes:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return generate(*given, **named)

    monkeypatch.setattr(encoder.generator, "forward", full_while_anything_is_kept)
    reply = assistant.reply(question("What is it?", new), options=SHORT)
    assert len(finished(list(reply)).message.token_ids) > 0
    assert kept[0] > 0
    assert kept[1:] == [0]


def test_what_stands_for_an_encoder_empties_its_caches(assistant: Assistant) -> None:
    encoder = assistant.components.encoder
    assert encoder is not None
    for stand_in in (
        MaskedEncoder(encoder, ASPIRIN, View(hidden=frozenset({1}))),
        PartialEncoder(encoder, graph_tokens=True),
        ControlledEncoder(encoder, arm_of("full"), [ASPIRIN, ETHANOL]),
    ):
        encoder.encode([ETHANOL])
        assert encoder.n_bytes > 0
        stand_in.clear()
        assert encoder.n_bytes == 0


def test_the_same_seed_gives_the_same_answer(assistant: Assistant) -> None:
    asked = question("What is it?", ASPIRIN)
    first, second = (finished(list(assistant.reply(asked, options=SHORT))) for _ in range(2))
    assert first.message.token_ids == second.message.token_ids


@pytest.mark.parametrize("adapter", ["graph_tokens", "lora"])
def test_the_model_sees_the_graph_and_its_weights(assistant: Assistant, adapter: str) -> None:
    """The same prompt text with another molecule's graph tokens, or ΔW, gives other logits."""
    encoder = assistant.components.encoder
    own, other = encoder.encode([ASPIRIN, ETHANOL])
    changed = MoleculeEncoding(
        other.graph_tokens if adapter == "graph_tokens" else own.graph_tokens,
        other.lora if adapter == "lora" else own.lora,
    )
    laid_out = assistant.prompting.fit(question("What is it?", ASPIRIN)).layout
    model = assistant._llm.model
    logits = []
    for encoding in (own, changed):
        spliced = splice(laid_out, {1: encoding}, model.get_input_embeddings())
        with torch.inference_mode(), step_adapters(spliced.deltas, spliced.segment_index):
            logits.append(model(inputs_embeds=spliced.inputs_embeds, use_cache=False).logits[0, -1])
    assert not torch.allclose(logits[0], logits[1], atol=1e-6)


def test_a_second_turn_goes_on_from_the_first(assistant: Assistant) -> None:
    conversation = question("What is it?", ASPIRIN)
    conversation = conversation.with_message(
        finished(list(assistant.reply(conversation, options=SHORT))).message
    )
    conversation, number = conversation.with_molecule(ETHANOL)
    conversation = conversation.with_message(Message("user", "Compare @1 and @2.", (number,)))
    message = finished(list(assistant.reply(conversation, options=SHORT))).message
    assert message.passport["focus"] == [2, 1]
    assert set(message.passport["molecules"]) == {"1", "2"}


def test_the_passport_is_json_and_names_what_answered(assistant: Assistant) -> None:
    message = finished(list(assistant.reply(question("?", ASPIRIN), options=SHORT))).message
    passport = json.loads(json.dumps(message.passport))
    assert passport["molecules"]["1"]["inchikey"] == "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
    assert passport["model"]["quantisation"] == "nf4"
    assert len(passport["model"]["bundle_sha256"]) == len(passport["prompt_sha256"]) == 64
    assert passport["sampling"]["seed"] == 3
    assert "torch" in passport["versions"]


def test_a_stopped_answer_is_kept_and_marked(assistant: Assistant) -> None:
    stop = threading.Event()
    events = []
    options = ReplyOptions(temperature=1.0, stop=stop, max_new_tokens=300)
    for event in assistant.reply(question("?", ASPIRIN), options=options):
        events.append(event)
        if isinstance(event, TextDelta):
            stop.set()
    message = finished(events).message
    assert message.stopped
    # The model works on while the first words are read, but not after Stop.
    assert len(message.token_ids) < 300


@pytest.fixture(scope="module")
def quoting(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    directory = tmp_path_factory.mktemp("indices") / "own"
    entries = [
        Captioned(ASPIRIN, "An acetate ester of salicylic acid.", "own.csv", 2),
        Captioned(Molecule.parse("OC(=O)c1ccccc1O"), "Salicylic acid " * 40, "own.csv", 3),
    ]
    build_index(entries, directory)
    return Assistant.load(bundle, device="cpu", retrieval=directory)


def test_an_index_is_quoted_and_told_of(assistant: Assistant, quoting: Assistant) -> None:
    assert quoting.status().adapters[-1] == AdapterStatus("retrieval, 2 molecules", True)
    asked = question("What is it?", ASPIRIN)
    with_it, without = (
        finished(list(a.reply(asked, options=SHORT))).message for a in (quoting, assistant)
    )
    told = with_it.passport["retrieved"]["1"]
    assert [(e["file"], e["line"]) for e in told] == [("own.csv", 2), ("own.csv", 3)]
    assert len(with_it.passport["model"]["retrieval_sha256"]) == 64
    assert with_it.passport["prompt_sha256"] != without.passport["prompt_sha256"]
    assert without.passport["retrieved"] == {}
    assert "retrieval_sha256" not in without.passport["model"]
    ethanol = finished(list(quoting.reply(question("?", ETHANOL), options=SHORT))).message
    assert ethanol.passport["retrieved"] == {}


def test_quoted_captions_make_room_for_the_question(
    quoting: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(quoting.prompting.llm, context=1024)
    monkeypatch.setattr(quoting, "_prompting", replace(quoting.prompting, llm=small))
    events = list(quoting.reply(question("What is it?", ASPIRIN), options=SHORT))
    assert [e.text for e in events if isinstance(e, Notice)] == [
        "Captions of similar molecules were left out: the prompt had no room for them."
    ]
    assert finished(events).message.passport["retrieved"] == {}


def test_a_model_that_cannot_read_names_is_shown_none(bundle: Path, tmp_path: Path) -> None:
    nameless = shutil.copytree(bundle, tmp_path / "bundle")
    described = json.loads((nameless / "bundle.json").read_text(encoding="utf-8"))
    write_json(nameless / "bundle.json", {**described, "reads_names": False})
    conversation, _ = Conversation().with_molecule(Molecule.parse("CCO", name="ethanol"))
    asked = conversation.with_message(Message("user", "What is it?", (1,)))
    for directory, shown in ((bundle, True), (nameless, False)):
        prompt = Assistant.load(directory).prompting.fit(asked).prompt
        assert any("ethanol" in str(part) for part in prompt.messages[1].parts) is shown
    assert asked.molecules[0].molecule.name == "ethanol"


def test_more_molecules_than_a_model_knows_are_told(bundle: Path, tmp_path: Path) -> None:
    small = shutil.copytree(bundle, tmp_path / "bundle")
    described = json.loads((small / "bundle.json").read_text(encoding="utf-8"))
    write_json(small / "bundle.json", {**described, "most_molecules": 2})
    assert Bundle.read(small).with_component("llm", "llm").most_molecules == 2
    prompting = Assistant.load(small).prompting
    conversation = Conversation()
    for number, smiles in enumerate(("CCO", "CCC", "CCN"), 1):
        conversation, _ = conversation.with_molecule(Molecule.parse(smiles))
        asked = conversation.with_message(Message("user", "Its mass?", (number,)))
        notice = prompting.fit(asked).notice
        assert ("mixes up the numbers" in notice) is (number == 3)


def test_a_model_of_english_says_so_to_whoever_asks_in_another_language(
    bundle: Path, tmp_path: Path
) -> None:
    english = shutil.copytree(bundle, tmp_path / "bundle")
    described = json.loads((english / "bundle.json").read_text(encoding="utf-8"))
    write_json(english / "bundle.json", {**described, "english_only": True})
    conversation, _ = Conversation().with_molecule(Molecule.parse("CCO"))
    for directory in (bundle, english):
        prompting = Assistant.load(directory).prompting
        for text, is_foreign in (("Ist das Molekül giftig?", True), ("Is it toxic?", False)):
            asked = conversation.with_message(Message("user", text, (1,)))
            notice = prompting.fit(asked).notice
            assert ("English only" in notice) is (is_foreign and directory == english)


def test_what_a_model_was_not_trained_for_is_said_of_it_and_not_of_another(
    bundle: Path, tmp_path: Path
) -> None:
    limited = shutil.copytree(bundle, tmp_path / "bundle")
    described = json.loads((limited / "bundle.json").read_text(encoding="utf-8"))
    write_json(limited / "bundle.json", {**described, "cannot": ["product"]})
    assert Assistant.load(limited).status().cannot == ("product",)
    other = write_tiny_bundle(tmp_path / "other", seed=1)
    assert Assistant.load(limited, llm=str(other / "llm")).status().cannot == ()


def test_no_molecule_is_fine(assistant: Assistant) -> None:
    assert finished(list(assistant.reply(question("Hello"), options=SHORT))).message.text


def test_another_llm_switches_the_adapters_off(bundle: Path, tmp_path: Path) -> None:
    other = write_tiny_bundle(tmp_path / "other", seed=1)
    assistant = Assistant.load(bundle, llm=str(other / "llm"), device="cpu")
    off = {a.name: a.reason for a in assistant.status().adapters if not a.on}
    assert (
        off["graph tokens"] == off["instance LoRA"] == "trained for another language model than llm"
    )
    assert finished(list(assistant.reply(question("?", ASPIRIN), options=SHORT))).message.text


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # by peft 0.21
def test_a_peft_lora_changes_the_answer_of_its_model(bundle: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM

    torch.manual_seed(1)  # of weights that do change the answer, whatever ran before
    base = LlamaForCausalLM.from_pretrained(bundle / "llm", device_map={"": "cpu"})
    adapted = get_peft_model(
        base, LoraConfig(r=4, lora_alpha=400, target_modules=["v_proj", "o_proj"])
    )
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=1.0)
    adapted.save_pretrained(tmp_path / "style")
    assistant = Assistant.load(bundle, device="cpu", lora=tmp_path / "style")
    assert assistant.status().adapters[-1] == AdapterStatus("LoRA style", True)
    plain = Assistant.load(bundle, device="cpu")
    greedy = replace(SHORT, temperature=0.0)  # draws from a near-uniform model hardly depend on it
    ids = [
        finished(list(a.reply(question("?", ASPIRIN), options=greedy))).message.token_ids
        for a in (plain, assistant)
    ]
    assert ids[0] != ids[1]


def test_figures_tell_how_an_answer_went_and_nothing_of_what_was_asked(bundle: Path) -> None:
    metrics = Registry()
    assistant = Assistant.load(bundle, device="cpu", metrics=metrics, threads=1)
    conversation = question("Is the secret an ester?", ASPIRIN)
    for _ in range(2):
        events = []
        for event in assistant.reply(conversation, options=replace(SHORT, visitor="me")):
            events.append(event)
            if isinstance(event, Finished):  # nobody waits for what comes after it
                break
    end = finished(events)
    first = next(event for event in events if isinstance(event, Measured)).figures
    assert first.answer_tokens == 1
    assert end.figures.answer_tokens == len(end.message.token_ids)
    assert end.figures.cached_tokens == first.cached_tokens == first.prompt_tokens - 1
    assert end.message.passport["figures"] == end.figures.to_passport()
    assert end.message.passport["model"]["threads"] == "1 thread"
    text = metrics.text()
    found = parse(text)
    assert found["molecule_chat_molecule_cache_requests_total"] == {
        'result="hit"': 1,
        'result="miss"': 1,
    }
    assert found["molecule_chat_molecule_cache_bytes"][""] > 0
    assert found["molecule_chat_threads"][""] == 1
    ended = {end.split('"')[1]: n for end, n in found["molecule_chat_requests_total"].items() if n}
    assert set(ended) <= {"end", "length", "circles"}  # and not closed by who asked
    n_ended = sum(ended.values())
    assert n_ended == found["molecule_chat_time_to_first_token_seconds"]["_count"] == 2
    for private in ("secret", "ester", ASPIRIN.smiles, "CC(=O)", "aspirin", "visitor"):
        assert private not in text.replace("visitor_limit", "")


def test_an_answer_ends_at_its_time_limit_and_says_so(assistant: Assistant) -> None:
    options = replace(SHORT, max_new_tokens=2000, max_seconds=0.0)
    message = finished(
        list(assistant.reply(question("What is it?", ASPIRIN), options=options))
    ).message
    assert message.stopped
    assert message.passport["sampling"]["ended"] == "time"
    assert len(message.token_ids) <= 1


def test_a_visitor_with_enough_questions_is_refused(bundle: Path) -> None:
    limits = VisitorLimits(running=1, waiting=0)
    assistant = Assistant.load(bundle, device="cpu", limits=limits)
    options = replace(SHORT, max_new_tokens=1000, temperature=2.0, visitor="me")
    running = assistant.reply(question("What is it?"), options=options)
    next(running)
    with pytest.raises(VisitorLimitError, match="1 of your questions"):
        list(assistant.reply(question("And now?"), options=options))
    other = replace(SHORT, visitor="somebody else")
    assert isinstance(list(assistant.reply(question("And now?"), options=other))[-1], Finished)
    running.close()


@pytest.mark.parametrize(
    ("compute", "words"),
    [("nf4", "NF4 kernel"), ("bf16", "computed in bf16"), ("fp32", "computed in fp32")],
)
def test_the_compute_format_can_be_chosen(bundle: Path, compute: str, words: str) -> None:
    assistant = Assistant.load(bundle, device="cpu", compute=compute)
    assert words in assistant.status().compute_format


@pytest.mark.parametrize(("compute", "embedded"), [("nf4", 2), ("bf16", 2), ("fp32", 4)])
def test_memory_of_an_answer_counts_the_cache_in_the_type_it_has(
    bundle: Path, compute: str, embedded: int
) -> None:
    """Matrices of 16 bit have activations, keys and values of 32."""
    assistant = Assistant.load(bundle, device="cpu", compute=compute)
    figures = finished(list(assistant.reply(question("Hi?"), options=SHORT))).figures
    per_token = 2 * 2 * 2 * 16 * (2 if compute == "nf4" else 4)  # 2 layers, 2 heads of 16
    n_tokens = figures.prompt_tokens + figures.answer_tokens
    assert figures.own_bytes == figures.prompt_tokens * 64 * embedded + n_tokens * per_token


def test_a_compute_format_that_does_not_go_is_refused_by_name(bundle: Path) -> None:
    with pytest.raises(BundleError, match="--compute nf4 needs weights in 4 bit"):
        Assistant.load(bundle, device="cpu", quantize="none", compute="nf4")


@pytest.fixture(scope="module")
def expert_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "experts", experts=True)


def test_experts_change_the_answer_and_are_told_of(expert_bundle: Path) -> None:
    assistant = Assistant.load(expert_bundle, device="cpu")
    assert AdapterStatus("experts", True) in assistant.status().adapters
    messages = {}
    for mode in ("exact", "turn", "off"):
        # Nearly flat distributions: at temperature 1 most tokens would stay the same.
        options = replace(SHORT, experts=mode, temperature=0.05)
        events = list(assistant.reply(question("What is it?", ASPIRIN), options=options))
        messages[mode] = finished(events).message
    for mode in ("exact", "turn"):
        assert messages[mode].token_ids != messages["off"].token_ids
    assert messages["exact"].scalings.mean != messages["turn"].scalings.mean
    assert messages["off"].scalings is None
    assert messages["off"].passport["experts"] == {"mode": "off"}
    for mode in ("exact", "turn"):
        scalings = messages[mode].scalings
        assert scalings.mode == messages[mode].passport["experts"]["mode"] == mode
        assert scalings.experts == ("mol", "rxn", "prop")
        assert len(scalings.layers) == 6
        assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in scalings.mean)
        told = json.loads(json.dumps(messages[mode].passport))["experts"]["mean_scalings"]
        assert told == pytest.approx(scalings.per_expert())


def test_experts_go_on_over_turns_with_a_second_molecule(expert_bundle: Path) -> None:
    assistant = Assistant.load(expert_bundle, device="cpu")
    conversation = question("What is it?", ASPIRIN)
    conversation = conversation.with_message(
        finished(list(assistant.reply(conversation, options=SHORT))).message
    )
    conversation, number = conversation.with_molecule(ETHANOL)
    conversation = conversation.with_message(Message("user", "Compare @1 and @2.", (number,)))
    warm, cold = (
        finished(list(a.reply(conversation, options=SHORT))).message
        for a in (assistant, Assistant.load(expert_bundle, device="cpu"))
    )
    assert warm.token_ids == cold.token_ids
    assert Conversation.from_json(conversation.to_json()) == conversation


def test_experts_of_another_model_are_off(bundle: Path, expert_bundle: Path) -> None:
    path = expert_bundle / "experts" / "xlora_config.json"
    before = path.read_text(encoding="utf-8")
    for base, reason in (
        ("owner/another", "trained for another language model than llm"),
        ("", "they do not say for which language model they were trained (base_model_id)"),
    ):
        path.write_text(json.dumps(json.loads(before) | {"base_model_id": base}))
        assistant = Assistant.load(expert_bundle, device="cpu")
        assert AdapterStatus("experts", False, reason) in assistant.status().adapters
        message = finished(list(assistant.reply(question("?"), options=SHORT))).message
        assert message.scalings is None
    path.write_text(json.dumps(json.loads(before) | {"hidden_size": 32}))
    with pytest.raises(BundleError, match="hidden_size is 32, but this LLM is 64 wide"):
        Assistant.load(expert_bundle, device="cpu")
    path.write_text(before)


def test_a_long_conversation_drops_its_older_half_with_a_notice(tmp_path: Path) -> None:
    assistant = Assistant.load(write_tiny_bundle(tmp_path / "small", context=1024), device="cpu")
    conversation = question("What is it?", ETHANOL)
    for _ in range(12):
        conversation = conversation.with_message(Message("assistant", "It is ethanol. " * 8))
        conversation = conversation.with_message(Message("user", "And what else? " * 4))
    events = list(assistant.reply(conversation, options=SHORT))
    notices = [e.text for e in events if isinstance(e, Notice)]
    assert len(notices) == 1
    assert "oldest turns were left out" in notices[0]
    assert finished(events).message.passport["focus"] == [1]


def test_a_question_that_never_fits_is_refused(assistant: Assistant) -> None:
    with pytest.raises(PromptTooLongError, match="Shorten the question"):
        list(assistant.reply(question("word " * 4000), options=SHORT))


def test_the_first_turn_kept_stays_about_its_molecule() -> None:
    conversation = question("a", ASPIRIN, ETHANOL)
    for text in ("b", "c"):
        conversation = conversation.with_message(Message("assistant", "x"))
        conversation = conversation.with_message(Message("user", text))
    shorter = without_oldest(conversation, 2)
    assert [m.text for m in shorter.messages] == ["c"]
    assert shorter.focus(0) == (1, 2)


def test_a_comparison_keeps_its_molecules_when_older_turns_are_dropped() -> None:
    conversation = question("a", ASPIRIN)
    conversation, ethanol = conversation.with_molecule(ETHANOL)
    asked = (("b", (ethanol,)), ("c", ()), ("Which of the two is heavier?", ()), ("d", ()))
    for text, attached in asked:
        conversation = conversation.with_message(Message("assistant", "x"))
        conversation = conversation.with_message(Message("user", text, attached))
    for n_turns in range(1, 4):
        shorter = without_oldest(conversation, n_turns)
        focuses = [shorter.focus(turn) for turn in range(shorter.n_turns)]
        assert focuses == [(1,), (2,), (2,), (1, 2), (2,)][n_turns:]


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"bundle.json is missing"):
        Bundle.read(tmp_path)


def test_an_unknown_component_is_named(tmp_path: Path) -> None:
    values = {"format_version": 1, "name": "x", "components": {"lmm": "llm"}}
    (tmp_path / "bundle.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(BundleError, match=r"\['lmm'\]"):
        Bundle.read(tmp_path)


_WATCHED = """
import socket, sys
asked = []
real = socket.getaddrinfo
def watched(host, *args, **kwargs):
    asked.append(str(host))
    return real(host, *args, **kwargs)
def connect(self, address):
    asked.append(str(address))
    raise OSError("no network in this test")
socket.getaddrinfo, socket.socket.connect = watched, connect
from pathlib import Path
from assistant.assistant import Assistant
from assistant.chat.reply import ReplyOptions
from assistant.chat.conversation import Conversation, Message
assistant = Assistant.load(Path(sys.argv[1]), device="cpu")
conversation = Conversation().with_message(Message("user", "Hello"))
list(assistant.reply(conversation, options=ReplyOptions(max_new_tokens=4)))
print("asked for", asked)
"""


def test_a_local_bundle_asks_no_host(bundle: Path, root: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    environment["PYTHONPATH"] = str(root)
    run = subprocess.run(
        [sys.executable, "-c", _WATCHED, str(bundle)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.stdout.strip().endswith("asked for []"), run.stdout + run.stderr[-2000:]


def test_a_text_is_as_likely_as_its_tokens_one_after_the_other(assistant: Assistant) -> None:
    asked, text = question("Go on.", ASPIRIN), "It is an acid."
    total, n_tokens = assistant.log_likelihood(asked, text)
    spliced = assistant.prompting.spliced(asked)
    model, ids = assistant._llm.model, list(text_ids(assistant._llm.tokenizer, text))
    assert n_tokens == len(ids)
    with torch.inference_mode():
        tail = model.get_input_embeddings()(torch.tensor([ids]))
        embeds = torch.cat([spliced.inputs_embeds, tail], dim=1)
        answer = torch.full((1, len(ids)), spliced.answer_slot)
        index = torch.cat([spliced.segment_index, answer], dim=1)
        with step_adapters(spliced.deltas, index):
            logits = model(inputs_embeds=embeds, use_cache=False).logits[0].float()
    before = logits[spliced.n_tokens - 1 : -1].log_softmax(dim=-1)
    wanted = before[torch.arange(len(ids)), torch.tensor(ids)].sum()
    assert total == pytest.approx(float(wanted), abs=0.05)


def test_a_text_of_no_tokens_is_certain(assistant: Assistant) -> None:
    assert assistant.log_likelihood(question("Go on.", ASPIRIN), "") == (0.0, 0)


def test_a_text_longer_than_the_context_is_refused(assistant: Assistant) -> None:
    with pytest.raises(PromptTooLongError, match="Shorten the text"):
        assistant.log_likelihood(question("Go on.", ASPIRIN), "acid " * 3000)


def test_nobody_is_helped_with_making_a_controlled_compound(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(request: object) -> None:
        raise AssertionError("the model was asked")

    monkeypatch.setattr(assistant._engine, "stream", refuse)
    fentanyl = Molecule.parse("CCC(=O)N(C1CCN(CCc2ccccc2)CC1)c1ccccc1")
    asked = question("Suggest a retrosynthesis of molecule 1.", fentanyl)
    *events, done = assistant.reply(asked, options=SHORT)
    assert isinstance(done, Finished)
    assert "a fentanyl, a controlled drug" in done.message.text
    assert [e.text for e in events if isinstance(e, TextDelta)] == [done.message.text]
    assert done.message.passport["sampling"]["by"] == "program"
    assert "the model was not asked" in assistant.cannot_rescore(asked, done.message)


def test_what_a_controlled_compound_is_stays_answered(assistant: Assistant) -> None:
    fentanyl = Molecule.parse("CCC(=O)N(C1CCN(CCc2ccccc2)CC1)c1ccccc1")
    *_, done = assistant.reply(question("What is its logP?", fentanyl), options=SHORT)
    assert isinstance(done, Finished)
    assert done.message.passport["sampling"].get("by") is None
