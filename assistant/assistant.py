"""The meeting point: from a conversation to a streamed, checked answer.

conversation ─► prompting (render, layout, splice: graph, pair tokens, ΔW) ─► engine
             ─► checks, passport
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from assistant.answering import Turn, checker, expert_mode, sampling_of, wanted_of
from assistant.bundle import SPECIALIST, Bundle
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Event, Notice, Queued
from assistant.chat.first_attempt import SecondThoughts
from assistant.chat.reply import AdapterStatus, ReplyOptions, Status
from assistant.chat.view import View
from assistant.chem.pairs import MoleculePair
from assistant.components import Components, load_components
from assistant.errors import AssistantError, PromptTooLongError
from assistant.instead import InsteadCounts, answered_instead
from assistant.llm import requests as llm_requests
from assistant.llm.continuous import make_engine
from assistant.llm.layout import text_ids
from assistant.llm.llama import obstacle
from assistant.llm.load import Compute, Quantize
from assistant.llm.memory import cache_bytes_per_token
from assistant.llm.metered import metered
from assistant.llm.offsets import token_offsets
from assistant.llm.place import Place
from assistant.llm.plan import Way
from assistant.llm.queue import UNLIMITED, VisitorLimits
from assistant.llm.scoring import YesNoScore, log_probabilities, score_yes_no
from assistant.llm.stopwatch import Stopwatch
from assistant.metrics import Registry
from assistant.prompting import Prompting, Render, asked_about, render_all
from assistant.replying import Reconsideration, first_written
from assistant.rescoring import cannot_rescore, rescore
from assistant.retrieval.index import Index
from assistant.specialist.service import Specialist
from assistant.switches import adapter_states, is_switched, switched_parts, switched_states

log = logging.getLogger(__name__)


class Assistant:
    """Answers conversations with one language model and what was trained for it."""

    def __init__(
        self,
        name: str,
        engine: llm_requests.Engine,
        prompting: Prompting,
        adapters: tuple[AdapterStatus, ...],
        bundle_hash: str,
        *,
        cannot: tuple[str, ...] = (),
        specialist: Specialist | None = None,
        counts: InsteadCounts | None = None,
    ) -> None:
        self._name, self._counts = name, counts
        self._specialist = specialist
        able = specialist.info.tasks if specialist is not None else ()
        self._cannot = tuple(task for task in cannot if task not in able)
        self._engine = engine
        self._prompting = prompting
        self._adapters = adapters
        self._bundle_hash = bundle_hash
        self._llm = llm = prompting.llm
        self._retrieval_hash = prompting.retrieval.digest() if prompting.retrieval else ""
        config = llm.model.config.get_text_config()
        per_token = cache_bytes_per_token(config, llm.activations)
        self._token_bytes = per_token if llm.supports_cache else None

    @classmethod
    def load(
        cls,
        bundle: Path,
        *,
        llm: str | None = None,
        quantize: Quantize = "4bit",
        device: str = "auto",
        lora: Path | None = None,
        retrieval: Path | None = None,
        compute: Compute | Way = "auto",
        threads: int | None = None,
        max_waiting: int = 8,
        limits: VisitorLimits = UNLIMITED,
        metrics: Registry | None = None,
    ) -> "Assistant":
        """Loads a bundle; takes seconds, so call it in a thread.

        Args:
            bundle: Directory with `bundle.json`.
            llm: Another language model (hub id or directory); adapters not trained for it are off.
            quantize: How weights are kept.
            device: "auto", "cpu", "cuda" or "cuda:1".
            lora: A LoRA directory in PEFT's format, for every token of this language model.
            retrieval: Directory of an index whose captions of similar molecules are quoted.
            compute: How 4-bit weights compute on a processor; "auto" takes one of the fastest.
            threads: Processor threads; as many as the machine has free when not given.
            max_waiting: Requests that may wait before the next is refused.
            limits: What one visitor may ask.
            metrics: Where the engine and the caches count what they do.

        Raises:
            BundleError: Something is missing or does not fit; the text names it.
            UnreadableFileError: The index is missing or damaged.
        """
        index = Index(retrieval) if retrieval else None
        description = Bundle.read(bundle)
        place = {"device": device, "threads": threads}
        queue = {"max_waiting": max_waiting, "limits": limits}
        loaded, components = load_components(
            description, llm=llm, quantize=quantize, lora=lora, compute=compute, **place
        )
        engine = make_engine(loaded, mixture=components.experts, **queue)
        if metrics is not None:
            engine = metered(engine, metrics, loaded, components.encoder)
        specialist = None
        if (directory := description.components.get(SPECIALIST)) is not None:
            specialist = Specialist.load(directory, device=loaded.device, threads=threads, **queue)
        n_captions = len(index) if index is not None else None
        adapters = adapter_states(components, n_captions, specialist)
        log.info("ready: %s", ", ".join(f"{a.name} {'on' if a.on else 'off'}" for a in adapters))
        served = description if llm is None else description.speaking_through(loaded.name)
        prompting = Prompting.of(served, loaded, components, index)
        counts = InsteadCounts(metrics, specialist) if metrics is not None else None
        about = {"cannot": served.cannot, "specialist": specialist, "counts": counts}
        return cls(served.name, engine, prompting, adapters, description.digest(), **about)

    @property
    def components(self) -> Components:
        """What stands beside the language model."""
        return self._prompting.components

    @property
    def prompting(self) -> Prompting:
        """How its prompts are made."""
        return self._prompting

    @property
    def bundle_hash(self) -> str:
        """SHA-256 over the bundle's files."""
        return self._bundle_hash

    def with_parts(self, components: Components, render: Render) -> "Assistant":
        """The same model and engine with other parts beside it and another view of molecules.

        For the controls of an evaluation (another molecule's graph, no card); a person is answered
        by the bundle as it is.
        """
        view = copy(self)
        view._prompting = replace(self._prompting, components=components, render=render)
        return view

    @property
    def specialist(self) -> Specialist | None:
        """What answers questions about reactions and writes numbers, where the bundle has one."""
        return self._specialist

    def with_specialist(self, specialist: Specialist | None) -> "Assistant":
        """The same model with another specialist, or none; for the controls of an evaluation."""
        view = copy(self)
        view._specialist = specialist
        return view

    def switched(self, options: ReplyOptions) -> "Assistant":
        """The same model and engine without the adapters that the options switch off.

        Its identity, so also the passports of its answers, says which these are.
        """
        if not is_switched(options):
            return self
        render = self._prompting.render
        if options.spellings:
            render = partial(render_all, spellings=options.spellings)
        view = self.with_parts(switched_parts(self.components, options), render)
        view._adapters = switched_states(self._adapters, options)
        return view

    def status(self) -> Status:
        """What is loaded, and what is off and why."""
        own = self._specialist.predicts if self._specialist is not None else ()
        return Status(
            self._name,
            self._llm.quantisation,
            self._llm.compute_format,
            str(self._llm.device),
            self._llm.context,
            self._adapters,
            self._llm.cache_reason,
            self._llm.threads.words if self._llm.device.type == "cpu" else "",
            obstacle(self._llm.model),
            self._cannot,
            tuple(dict.fromkeys((*self.components.predicts, *own))),
        )

    def reply(
        self, conversation: Conversation, *, options: ReplyOptions | None = None
    ) -> Iterator[Event]:
        """Streams the answer to the last question; the last event is `Finished`, also after Stop.

        Raises:
            PromptTooLongError: Not even the last question fits the context.
            VisitorLimitError: The visitor has asked enough for now.
            QueueFullError: Too many requests are waiting.
        """
        options = options or ReplyOptions()
        yield from self.switched(options)._reply(conversation, options)

    def _reply(self, conversation: Conversation, options: ReplyOptions) -> Iterator[Event]:
        began = time.perf_counter()
        fitted = self._prompting.fit(conversation)
        turn = Turn(fitted, self._prompting, options, self.identity(), began)
        if (instead := answered_instead(self._specialist, turn)) is not None:
            yield from self._counts.counted(instead) if self._counts is not None else instead
            return
        pairs = self._prompting.pairs(fitted)
        for text in dict.fromkeys([fitted.notice, *(pair.note for pair in pairs.values())]):
            if text:
                yield Notice(text)
        with Place() as place:
            progress = llm_requests.Progress()
            request = llm_requests.Request(
                self._prompting.splice(fitted, pairs),
                sampling_of(options),
                llm_requests.TimedStop(options.stop, progress, options.max_seconds),
                options.visitor,
                expert_mode(self.components.experts, options),
                progress,
                place=place,
            )
            stopwatch = Stopwatch(request, began, self._token_bytes)
            check = checker(fitted)
            first = yield from first_written(self._engine, request, stopwatch, check)
            written, thoughts = first, SecondThoughts(options.second_thoughts)
            if options.second_thoughts:
                splice = self._prompting.spliced
                again = Reconsideration(self._engine, self._llm, request, check, splice)
                wanted = wanted_of(fitted, first.text, self.components.predicted)
                written, thoughts = yield from again.of(first, fitted.conversation, wanted)
        figures = stopwatch.done(first.done, len(written.done.token_ids))
        yield turn.finished(written, figures, first=first.done, second_thoughts=thoughts)

    def score_pair(self, pair: MoleculePair) -> YesNoScore:
        """How likely the answer to a pair's question begins with yes; nothing is drawn.

        Both ways round give the same score where the task is symmetric: the pair is put in its
        canonical order first. Not for use while answers are drawn on the same GPU.

        Raises:
            AssistantError: The task is not answered by yes or no, or the model cannot say them.
        """
        if pair.task.answer != "yes_no":
            raise AssistantError(
                f"Task {pair.task.name} is answered by a value and has no yes or no to score."
            )
        return self.score_yes_no(asked_about(pair.canonical()))

    def score_yes_no(self, conversation: Conversation) -> YesNoScore:
        """How likely the answer to the last question begins with yes; nothing is drawn.

        Raises:
            AssistantError: The model cannot say yes or no.
            PromptTooLongError: Not even the last question fits the context.
        """
        return score_yes_no(self._llm, self._prompting.spliced(conversation))

    def log_likelihood(self, conversation: Conversation, text: str) -> tuple[float, int]:
        """Natural log-probability of a text as the answer, and how many tokens it has.

        Raises:
            PromptTooLongError: Question and text do not fit the context.
        """
        spliced, ids = self._prompting.spliced(conversation), text_ids(self._llm.tokenizer, text)
        if not ids:
            return 0.0, 0
        if spliced.n_tokens + len(ids) > self._llm.context:
            raise PromptTooLongError(
                f"Question and text take {spliced.n_tokens + len(ids)} tokens;"
                f" the model reads {self._llm.context}. Shorten the text."
            )
        return float(log_probabilities(self._llm, spliced, [ids])[0]), len(ids)

    def cannot_rescore(self, conversation: Conversation, answer: Message) -> str:
        """Why an answer cannot be scored again in other views of its molecules; empty when it can.

        Args:
            conversation: Up to and including its question.
            answer: The answer.
        """
        return cannot_rescore(
            self._prompting, conversation, answer, self.identity(), self._adapters
        )

    def rescore(
        self,
        conversation: Conversation,
        answer: Message,
        number: int,
        views: Iterable[View],
        *,
        stop: threading.Event,
        visitor: str = "",
    ) -> Iterator[Queued | tuple[float, ...]]:
        """Log-probability of each token of an answer, its molecule being seen in several views.

        The prompt is the one the answer was written under, the ids are those that were generated.

        Args:
            conversation: Up to and including its question.
            answer: The answer; `cannot_rescore` has no reason against it.
            number: The molecule that the views are of.
            views: Each is made when its turn comes.
            stop: Set it to end the work.
            visitor: Whose question it is.

        Yields:
            Where it waits, then for each view a tuple of natural logarithms; fewer when stopped.
        """
        return rescore(
            self._prompting,
            self._engine,
            conversation,
            answer,
            number,
            views,
            stop=stop,
            visitor=visitor,
        )

    def answer_offsets(self, answer: Message) -> tuple[tuple[int, int], ...]:
        """Where each token of an answer stands in its text, (start, end)."""
        return token_offsets(self._llm.tokenizer, answer.token_ids)

    def identity(self) -> dict[str, object]:
        """What answers, as a passport names it."""
        return {
            **asdict(self.status()),
            "fingerprint": self._llm.fingerprint,
            "bundle_sha256": self._bundle_hash,
            **({"retrieval_sha256": self._retrieval_hash} if self._prompting.retrieval else {}),
            **({"specialist": self._specialist.llm.fingerprint} if self._specialist else {}),
        }
