"""An answer that is there already, scored again with its molecule seen in other views."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Queued
from assistant.chat.passport import prompt_digest
from assistant.chat.reply import GRAPH, LORA, AdapterStatus
from assistant.chat.view import View
from assistant.chem.molecule import Molecule
from assistant.llm import requests as llm_requests
from assistant.llm.splice import Spliced
from assistant.masking import masked, render_untold
from assistant.prompting import Fitted, Prompting


def cannot_rescore(
    prompting: Prompting,
    conversation: Conversation,
    answer: Message,
    identity: Mapping[str, object],
    adapters: Sequence[AdapterStatus],
) -> str:
    """Why an answer cannot be scored again in other views of its molecules; empty when it can.

    Args:
        prompting: How prompts are made now.
        conversation: Up to and including its question.
        answer: The answer.
        identity: What answers now, as a passport names it.
        adapters: What is on now, and what is off and why.
    """
    if prompting.components.encoder is None:
        off = "; ".join(f"{a.name}: {a.reason}" for a in adapters if a.name in (GRAPH, LORA))
        return f"The model sees no graph of the molecule here, so there is none to mask ({off})."
    sampling = answer.passport.get("sampling")
    by = sampling.get("by") if isinstance(sampling, Mapping) else None
    if by == "program":
        return "The program itself gave this answer: the model was not asked, so there is no why."
    if by == "specialist":
        return (
            "The specialist gave this answer, not the language model of the chat. What it reads"
            " (reactions as SMILES, orbital energies from graph tokens of its own) is not masked"
            " here."
        )
    if not answer.token_ids or answer.model != prompting.llm.fingerprint:
        return (
            "The tokens of this answer are not kept for the model that is loaded (it was"
            " imported, or another model wrote it). Press retry and look at the new answer."
        )
    wrote = answer.passport.get("model")
    if not isinstance(wrote, Mapping) or _answerer(wrote) != _answerer(identity):
        return (
            "This answer was written by another bundle, or with other adapters on, than what is"
            " loaded. Press retry and look at the new answer."
        )
    if answer.scalings is not None:
        return "This answer was mixed from experts, which are left out when answers are scored."
    prompt = prompting.fit(conversation).prompt
    if not prompt.molecules:
        return "The answer is about no molecule."
    if answer.passport.get("prompt_sha256", "") != prompt_digest(prompt):
        return (
            "The prompt of this answer cannot be made again (facts, prompt files or the index"
            " have changed since). Press retry and look at the new answer."
        )
    return ""


def _answerer(identity: Mapping[str, object]) -> tuple[object, list[str]]:
    """The bundle of an answer and the adapters it had on, of a passport's account of the model."""
    adapters = identity.get("adapters") or ()
    on = [str(one.get("name")) for one in adapters if isinstance(one, Mapping) and one.get("on")]
    return identity.get("bundle_sha256"), sorted(on)


def rescore(
    prompting: Prompting,
    engine: llm_requests.Engine,
    conversation: Conversation,
    answer: Message,
    number: int,
    views: Iterable[View],
    *,
    stop: threading.Event,
    visitor: str,
) -> Iterator[Queued | tuple[float, ...]]:
    """Log-probability of each token of an answer, as `Assistant.rescore` describes it.

    Args:
        prompting: How the prompts of this assistant are made.
        engine: Scores beside the answers that are being written.
        conversation: Up to and including the answer's question.
        answer: With the ids that were generated, t of them.
        number: The molecule that the views are of.
        views: Each is made when its turn comes.
        stop: Set it to end the work.
        visitor: Whose question it is.

    Yields:
        Where it waits, then for each view t natural logarithms, in order.

    Raises:
        PromptTooLongError: A prompt does not fit the context or the memory.
        VisitorLimitError: The visitor has asked enough for now.
        QueueFullError: Too many requests are waiting.
    """
    molecule = conversation.molecule(number).molecule
    fitted = prompting.fit(conversation)  # rendered, and similar molecules sought, once for all
    prompts = (seen(prompting, fitted, molecule, view) for view in views)
    rescoring = llm_requests.Rescoring(prompts, answer.token_ids, stop, visitor)
    for event in engine.rescore(rescoring):
        if isinstance(event, llm_requests.Queued):
            yield Queued(event.position, event.seconds)
        else:
            yield event.log_probabilities


def seen(prompting: Prompting, fitted: Fitted, molecule: Molecule, view: View) -> Spliced:
    """The prompt of an answer, one of its molecules being seen in a view.

    It is of the turns that the answer was written under: a prompt that tells nothing of molecules
    is shorter, and must not bring back what the answer's had no room for.

    Args:
        prompting: How prompts are made now.
        fitted: The prompt that the answer was written under.
        molecule: One of its molecules.
        view: How that molecule is seen.

    Raises:
        PromptTooLongError: Memory ended while molecules were read.
    """
    changed = replace(prompting, components=masked(prompting.components, molecule, view))
    if view.told:
        return changed.splice(fitted, changed.pairs(fitted))
    return replace(changed, render=render_untold).spliced(fitted.conversation)
