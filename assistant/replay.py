"""Asks the questions of saved passports again and says whether the answers are equal.

passport, or conversation as JSON ─► cases ─► bundle of the passport ─► reply ─► equal, or where
                                                                                 it differs
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from assistant.assistant import Assistant
from assistant.bundle import Bundle
from assistant.chat.conversation import Conversation, Message, PairQuestion
from assistant.chat.events import Finished
from assistant.chat.passport import answer_digest, versions
from assistant.chat.reply import GRAPH, LORA, SWITCHED_OFF, ReplyOptions
from assistant.chem.limits import MAX_FILE_BYTES
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, BundleError, OtherBundleError, UnreadableFileError
from assistant.export.exchange import read_json
from assistant.llm.load import Compute, Quantize
from assistant.llm.plan import Way

CHECKPOINTS = Path(__file__).resolve().parent.parent / "checkpoints"
SHOWN = 24  # characters around a difference
IDENTITY = (
    "bundle_sha256",
    "fingerprint",
    "quantisation",
    "compute_format",
    "device",
    "retrieval_sha256",
)


@dataclass(frozen=True)
class Case:
    """One answer to be made again.

    Attributes:
        turn: Its question, counted from 1.
        conversation: Up to and including the question.
        passport: What the answer stored.
        answer: What was answered; None where the file holds only its digest.
    """

    turn: int
    conversation: Conversation
    passport: Mapping[str, object]
    answer: Message | None


@dataclass(frozen=True)
class Report:
    """What came of one case.

    Attributes:
        turn: The question, counted from 1.
        equal: Whether the same tokens were generated.
        where: First difference, in words; "" when equal.
        environment: What is not as the passport says: bundle, settings, versions.
    """

    turn: int
    equal: bool
    where: str = ""
    environment: tuple[str, ...] = ()

    def __str__(self) -> str:
        verdict = "equal" if self.equal else f"different: {self.where}"
        lines = [f"question {self.turn}: {verdict}"]
        lines += [f"  not as in the passport: {line}" for line in self.environment]
        return "\n".join(lines)


def replay_file(path: Path, **loading: object) -> Iterator[Report]:
    """`replay_text` of a file.

    Raises:
        UnreadableFileError: The file is not there, or too big.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UnreadableFileError(
                f"{path} is bigger than {MAX_FILE_BYTES / 2**20:.0f} MB and no passport."
            )
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path} cannot be read ({error}); check --replay.") from error
    return replay_text(text, **loading)


def replay_text(
    text: str,
    *,
    bundle: Path | None = None,
    llm: str | None = None,
    device: str = "auto",
    lora: Path | None = None,
    retrieval: Path | None = None,
    checkpoints: Path = CHECKPOINTS,
) -> Iterator[Report]:
    """Makes every answer of a passport or of an exported conversation again.

    Args:
        text: A passport as the page saves or copies it, or a conversation exported as JSON.
        bundle: The bundle's directory; None looks for the one the passport names.
        llm: As it was given when the answer was made.
        device: "auto", "cpu", "cuda" or "cuda:1".
        lora: As it was given when the answer was made.
        retrieval: As it was given when the answer was made.
        checkpoints: Where bundles are looked for.

    Raises:
        OtherBundleError: The passport is of a bundle that is not here.
        AssistantError: The file holds nothing that can be asked again.
    """
    cases = read_cases(text)
    model = _mapping(cases[0].passport, "model")
    directory = find_bundle(model, bundle, checkpoints)
    assistant = Assistant.load(
        directory,
        llm=llm,
        quantize=_quantize(model),
        device="cpu" if device == "auto" and model.get("device") == "cpu" else device,
        lora=lora,
        retrieval=retrieval,
        compute=_compute(model) if device in ("auto", "cpu") else "auto",
    )
    for case in cases:
        yield replay(assistant, case)


def replay(assistant: Assistant, case: Case) -> Report:
    """Asks one question again, as its passport says, and compares token by token."""
    passport = case.passport
    options = _options(passport)
    environment = differences(passport, assistant.switched(options).identity())
    for event in assistant.reply(case.conversation, options=options):
        if isinstance(event, Finished):
            return _report(case, event.message, environment)
    raise AssistantError("The model ended without an answer.")


def _report(case: Case, answer: Message, environment: tuple[str, ...]) -> Report:
    if answer.passport.get("prompt_sha256") != case.passport.get("prompt_sha256"):
        if case.answer is None:
            raise AssistantError(
                "This passport alone does not say what was asked before it, so its prompt cannot be"
                " made again. Save the passport from the page, which puts the conversation into it."
            )
        environment = (*environment, "the prompt: facts, prompt files, index or shortening changed")
    where = _first_difference(case, answer)
    return Report(case.turn, not where, where, environment)


# -- what is asked again --------------------------------------------------------------------------


def read_cases(text: str) -> tuple[Case, ...]:
    """The answers of a file that have a passport; of a saved passport only its own.

    Raises:
        UnreadableFileError: It is neither of the three forms, or holds no answer with a passport.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(f"This is no passport: not JSON ({str(error)[:80]}).") from error
    if isinstance(values, dict) and "prompt_sha256" in values:
        return (_bare_case(values),)
    found = read_json(text)
    cases: list[Case] = []
    for place, message in enumerate(found.conversation.messages):
        if message.role == "assistant" and "prompt_sha256" in message.passport:
            asked = found.conversation.truncated(place)
            cases.append(Case(asked.n_turns, asked, message.passport, message))
    if not cases:
        raise UnreadableFileError("No answer in this file has a passport; nothing to ask again.")
    return tuple(cases[-1:] if found.is_passport else cases)


def _bare_case(passport: Mapping[str, object]) -> Case:
    """A passport by itself: its molecules and its question are a whole first turn."""
    try:
        conversation = Conversation()
        for number, values in sorted(
            _mapping(passport, "molecules").items(), key=lambda item: int(item[0])
        ):
            molecule = Molecule.parse(str(values["smiles"]), name=values.get("name"))
            conversation = Conversation((), conversation.molecules, int(number))
            conversation, _ = conversation.with_molecule(molecule, values.get("role"))
        pair = passport.get("pair")
        question = Message(
            "user",
            str(passport["question"]),
            tuple(int(number) for number in passport["focus"]),
            pair=PairQuestion(**pair) if pair else None,
        )
        return Case(1, conversation.with_message(question), passport, None)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableFileError(f"The passport is not complete: {error!r}.") from error


# -- what answers ---------------------------------------------------------------------------------


def find_bundle(model: Mapping[str, object], chosen: Path | None, checkpoints: Path) -> Path:
    """The directory of the bundle that a passport names by name and digest.

    Raises:
        OtherBundleError: The chosen one, or every one there is, is another bundle.
    """
    name, sha256 = str(model.get("model") or ""), str(model.get("bundle_sha256") or "")
    found: dict[str, str] = {}
    directories = (
        [chosen] if chosen else sorted(p.parent for p in checkpoints.glob("*/bundle.json"))
    )
    for directory in directories:
        try:
            digest = Bundle.read(directory).digest()
        except BundleError:
            if chosen:
                raise
            continue  # a folder that is no bundle of ours cannot be the one
        if digest == sha256:
            return directory
        found[directory.name] = digest
    here = ", ".join(f"{n} (sha256 {d[:12]}…)" for n, d in found.items()) or "none"
    raise OtherBundleError(
        f"The passport was made by the bundle {name!r} (sha256 {sha256[:12]}…). Here: {here}."
        " Restore that bundle (git checkout of the version that made it) or name it with --bundle.",
        name=name,
        sha256=sha256,
        found=found,
    )


def differences(passport: Mapping[str, object], identity: Mapping[str, object]) -> tuple[str, ...]:
    """What of model, settings and versions is not as the passport says, in words."""
    model = _mapping(passport, "model")
    pairs = [(key, model.get(key), identity.get(key)) for key in IDENTITY]
    pairs.append(("adapters on", _on(model.get("adapters")), _on(identity.get("adapters"))))
    then, now = _mapping(passport, "versions"), versions()
    pairs += [(f"version of {k}", then.get(k), now.get(k)) for k in sorted({*then, *now})]
    return tuple(
        f"{key}: {_short(before)} then, {_short(after)} now"
        for key, before, after in pairs
        if before != after
    )


def _on(adapters: object) -> list[str]:
    listed = adapters if isinstance(adapters, Sequence) else ()
    return [str(a.get("name")) for a in listed if isinstance(a, Mapping) and a.get("on")]


def _switched_off(adapters: object) -> set[str]:
    """Names of the adapters that the bundle had on and this answer went without."""
    listed = adapters if isinstance(adapters, Sequence) else ()
    mappings = [a for a in listed if isinstance(a, Mapping)]
    return {str(a.get("name")) for a in mappings if a.get("reason") == SWITCHED_OFF}


def _short(value: object) -> str:
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return f"{text[:16]}…" if len(text) == 64 else text


def _quantize(model: Mapping[str, object]) -> Quantize:
    stored = model.get("quantisation")
    return "4bit" if stored == "nf4" else "8bit" if stored == "int8" else "none"


def _compute(model: Mapping[str, object]) -> Compute | Way:
    """The way to compute that the passport names; only 4-bit weights on a processor have several.

    Which is fastest here may be another one, with other roundings. Older passports name the type
    of the matrices and not where their values lie.
    """
    if model.get("device") != "cpu" or model.get("quantisation") != "nf4":
        return "auto"
    said = str(model.get("compute_format"))
    if (way := Way.of_words(said)) is not None:
        return way
    last: Compute
    for last in ("bf16", "fp32"):
        if said == f"NF4 values, computed in {last}":
            return last
    return "nf4" if said.startswith("NF4 kernel") else "auto"


def _options(passport: Mapping[str, object]) -> ReplyOptions:
    sampling = _mapping(passport, "sampling")
    mode = _mapping(passport, "experts").get("mode", "off")
    off = _switched_off(_mapping(passport, "model").get("adapters"))
    try:
        return ReplyOptions(
            temperature=float(sampling["temperature"]),
            top_p=float(sampling["top_p"]),
            repetition_penalty=float(sampling["repetition_penalty"]),
            seed=int(sampling["seed"]),
            max_new_tokens=int(sampling["max_new_tokens"]),
            experts=mode if mode in ("exact", "turn") else "off",
            graph_tokens=GRAPH not in off,
            instance_lora=LORA not in off,
            second_thoughts=_may_write_again(passport),
            spellings={int(n): str(s) for n, s in _mapping(sampling, "spellings").items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableFileError(f"The passport's sampling is not complete: {error!r}.") from error


def _may_write_again(passport: Mapping[str, object]) -> bool:
    """Whether what the answer is depends on second thoughts that ran to their end.

    One that was stopped, or whose search was, is a first attempt; asked again to its end it may be
    contradicted and written again. A better answer that was found before a failure is looked for
    again. Older passports do not say how a search ended.
    """
    thoughts, sampling = _mapping(passport, "second_thoughts"), _mapping(passport, "sampling")
    is_whole = thoughts.get("ended", True) is True or bool(thoughts.get("first_attempt"))
    is_stopped = sampling.get("ended") in ("stopped", "time")
    return thoughts.get("on") is True and is_whole and not is_stopped


# -- comparing ------------------------------------------------------------------------------------


def _first_difference(case: Case, answer: Message) -> str:
    """Where two answers part, in words; "" when they do not. A stopped one may go on."""
    then = case.answer
    if then is None or not then.token_ids:
        wanted = case.passport.get("answer_sha256")
        if wanted == answer_digest(answer.token_ids):
            return ""
        return "other tokens (the file holds only a digest of the answer)"
    ids = answer.token_ids[: len(then.token_ids)] if then.stopped else answer.token_ids
    if ids == then.token_ids:
        return ""
    token = _first_place(then.token_ids, ids)
    character = _first_place(then.text, answer.text)
    before, now = (f"“{text[character : character + SHOWN]}”" for text in (then.text, answer.text))
    return f"at token {token + 1}, character {character + 1}: {before} then, {now} now"


def _first_place(first: Sequence[object], second: Sequence[object]) -> int:
    """Index of the first place where two sequences differ."""
    pairs = enumerate(zip_longest(first, second))
    return next((i for i, (a, b) in pairs if a != b), len(first))


def _mapping(values: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}
