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
from assistant.chat.conversation import Conversation, Message, PairQuestion
from assistant.chat.events import Finished
from assistant.chat.passport import answer_digest, mapping_of
from assistant.chat.reply import GRAPH, LORA, SWITCHED_OFF, ReplyOptions
from assistant.chem.limits import MAX_FILE_BYTES
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, UnreadableFileError
from assistant.export.exchange import read_json
from assistant.passport_model import compute_of, differences, find_bundle, quantize_of

CHECKPOINTS = Path(__file__).resolve().parent.parent / "checkpoints"
SHOWN = 24  # characters around a difference


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
    model = mapping_of(cases[0].passport, "model")
    directory = find_bundle(model, bundle, checkpoints)
    assistant = Assistant.load(
        directory,
        llm=llm,
        quantize=quantize_of(model),
        device="cpu" if device == "auto" and model.get("device") == "cpu" else device,
        lora=lora,
        retrieval=retrieval,
        compute=compute_of(model) if device in ("auto", "cpu") else "auto",
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
        values = json.loads(text.removeprefix("\ufeff"))
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
            mapping_of(passport, "molecules").items(), key=lambda item: int(item[0])
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


# -- how it is asked ------------------------------------------------------------------------------


def _switched_off(adapters: object) -> set[str]:
    """Names of the adapters that the bundle had on and this answer went without."""
    listed = adapters if isinstance(adapters, Sequence) else ()
    mappings = [a for a in listed if isinstance(a, Mapping)]
    return {str(a.get("name")) for a in mappings if a.get("reason") == SWITCHED_OFF}


def _options(passport: Mapping[str, object]) -> ReplyOptions:
    sampling = mapping_of(passport, "sampling")
    mode = mapping_of(passport, "experts").get("mode", "off")
    off = _switched_off(mapping_of(passport, "model").get("adapters"))
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
            spellings={int(n): str(s) for n, s in mapping_of(sampling, "spellings").items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableFileError(f"The passport's sampling is not complete: {error!r}.") from error


def _may_write_again(passport: Mapping[str, object]) -> bool:
    """Whether what the answer is depends on second thoughts that ran to their end.

    One that was stopped, or whose search was, is a first attempt; asked again to its end it may be
    contradicted and written again. A better answer that was found before a failure is looked for
    again. Older passports do not say how a search ended.
    """
    thoughts, sampling = mapping_of(passport, "second_thoughts"), mapping_of(passport, "sampling")
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
