"""The meeting point: from a conversation to a streamed, checked answer.

conversation ─► render ─► layout ─► splice (graph, pair tokens, ΔW) ─► engine ─► checks, passport
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import asdict, replace
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType

from assistant.bundle import Bundle, Components, load_components
from assistant.chat.check import check_answer
from assistant.chat.conversation import Conversation, Message, PairQuestion
from assistant.chat.events import Event, Finished, Measured, Notice, Queued, TextDelta
from assistant.chat.figures import Figures
from assistant.chat.mixture import ExpertScalings
from assistant.chat.passport import passport, prompt_digest
from assistant.chat.prompts import PairSlot, Prompt, pair_question, render
from assistant.chat.reply import AdapterStatus, ReplyOptions, Status
from assistant.chat.retrieved import NearestFor
from assistant.chat.view import View
from assistant.chem.facts import Facts, compute_facts
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import MoleculePair, pair_task
from assistant.errors import AssistantError, PromptTooLongError
from assistant.llm import requests as llm_requests
from assistant.llm.continuous import make_engine
from assistant.llm.experts import ExpertMode
from assistant.llm.layout import IdsPiece, Layout, PairPiece, Piece, layout, text_ids
from assistant.llm.llama import obstacle
from assistant.llm.load import Compute, LoadedLLM, Quantize
from assistant.llm.memory import cache_bytes_per_token
from assistant.llm.metered import MeteredEngine, read_molecules
from assistant.llm.offsets import token_offsets
from assistant.llm.plan import Way
from assistant.llm.queue import UNLIMITED, VisitorLimits
from assistant.llm.sampling import Sampling
from assistant.llm.scoring import YesNoScore, log_probabilities, score_yes_no
from assistant.llm.splice import Spliced, splice
from assistant.llm.stopwatch import Stopwatch
from assistant.masking import masked, render_untold
from assistant.metrics import Registry
from assistant.pair_encoding import PairEncoding
from assistant.retrieval.index import Index
from assistant.switches import is_switched, switched_parts, switched_states

log = logging.getLogger(__name__)

_MIN_ANSWER_TOKENS = 192
"""Room that a prompt must leave for its answer."""
_NO_ROOM_TO_QUOTE = "Captions of similar molecules were left out: the prompt had no room for them."


Render = Callable[[Conversation, str, NearestFor | None], Prompt]
"""From a conversation, the model's fingerprint and what may be quoted to the prompt."""


@lru_cache(maxsize=4096)
def facts_of(molecule: Molecule) -> Facts:
    """Facts of a molecule, computed once."""
    return compute_facts(molecule)


def render_all(
    conversation: Conversation,
    model: str,
    nearest: NearestFor | None = None,
    *,
    spellings: Mapping[int, str] = MappingProxyType({}),
) -> Prompt:
    """Everything that is known of each molecule: SMILES, name, facts, what is near it."""
    return render(conversation, facts_of, model=model, nearest=nearest, spellings=spellings)


class Assistant:
    """Answers conversations with one language model and what was trained for it."""

    def __init__(
        self,
        name: str,
        llm: LoadedLLM,
        engine: llm_requests.Engine,
        components: Components,
        adapters: tuple[AdapterStatus, ...],
        bundle_hash: str,
        render_prompt: Render = render_all,
        retrieval: Index | None = None,
        reads_names: bool = True,
    ) -> None:
        self._name = name
        self._reads_names = reads_names
        self._llm = llm
        self._engine = engine
        self._components = components
        self._adapters = adapters
        self._bundle_hash = bundle_hash
        self._render = render_prompt
        self._retrieval = retrieval
        self._retrieval_hash = retrieval.digest() if retrieval else ""
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
        loaded, components = load_components(
            description,
            llm=llm,
            quantize=quantize,
            device=device,
            lora=lora,
            compute=compute,
            threads=threads,
        )
        adapters = tuple(AdapterStatus(name, on, reason) for name, on, reason in components.states)
        if index is not None:
            adapters = (*adapters, AdapterStatus(f"retrieval, {len(index):,} molecules", True))
        engine = make_engine(
            loaded, mixture=components.experts, max_waiting=max_waiting, limits=limits
        )
        if metrics is not None:
            engine = MeteredEngine(engine, metrics)
            read_molecules(metrics, components.encoder)
            metrics.read("threads", "Processor threads of the model.", lambda: loaded.threads.n_now)
        log.info("ready: %s", ", ".join(f"{a.name} {'on' if a.on else 'off'}" for a in adapters))
        name = description.name if llm is None else loaded.name
        check_answer(
            "", {}, ()
        )  # builds the checker's word lists before the first answer needs them
        return cls(
            name,
            loaded,
            engine,
            components,
            adapters,
            description.digest(),
            retrieval=index,
            reads_names=description.reads_names or llm is not None,
        )

    @property
    def components(self) -> Components:
        """What stands beside the language model."""
        return self._components

    @property
    def bundle_hash(self) -> str:
        """SHA-256 over the bundle's files."""
        return self._bundle_hash

    def with_parts(self, components: Components, render_prompt: Render) -> "Assistant":
        """The same model and engine with other parts beside it and another view of molecules.

        For the controls of an evaluation (another molecule's graph, no card); a person is answered
        by the bundle as it is.
        """
        adapters, digest = self._adapters, self._bundle_hash
        return Assistant(
            self._name,
            self._llm,
            self._engine,
            components,
            adapters,
            digest,
            render_prompt,
            self._retrieval,
            self._reads_names,
        )

    def switched(self, options: ReplyOptions) -> "Assistant":
        """The same model and engine without the adapters that the options switch off.

        Its identity, so also the passports of its answers, says which these are.
        """
        if not is_switched(options):
            return self
        view = copy(self)
        view._components = switched_parts(self._components, options)
        view._adapters = switched_states(self._adapters, options)
        if options.spellings:
            view._render = partial(render_all, spellings=options.spellings)
        return view

    def status(self) -> Status:
        """What is loaded, and what is off and why."""
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
        fitted, prompt, laid_out, notice = self._fit(conversation)
        pairs = self._pairs(prompt, laid_out)
        for text in dict.fromkeys([notice, *(pair.note for pair in pairs.values())]):
            if text:
                yield Notice(text)
        progress = llm_requests.Progress()
        request = llm_requests.Request(
            self._splice(prompt, laid_out, pairs),
            _sampling(options),
            llm_requests.TimedStop(options.stop, progress, options.max_seconds),
            options.visitor,
            self._expert_mode(options),
            progress,
        )
        stopwatch = Stopwatch(request, began, self._token_bytes)
        text = ""
        for event in self._engine.stream(request):
            if isinstance(event, llm_requests.Queued):
                yield Queued(event.position, event.seconds)
            elif isinstance(event, llm_requests.Token):
                text += event.text_delta
                if event.text_delta:
                    yield TextDelta(event.text_delta)
                figures = None if event.token_id is None else stopwatch.token()
                if figures is not None:
                    yield Measured(figures)
            else:
                figures = stopwatch.done(event)
                done = replace(event, reason=llm_requests.end_reason(request, event))
                message = self._message(fitted, prompt, text, done, options, figures)
                seconds = time.perf_counter() - began
                yield Finished(message, seconds, event.first_token_s, event.tokens_per_s, figures)

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
        pair = pair.canonical()
        conversation, first = Conversation().with_molecule(pair.first)
        conversation, second = conversation.with_molecule(pair.second)
        question = PairQuestion(first, second, pair.task.name)
        message = Message("user", pair_question(question), pair=question)
        return self.score_yes_no(conversation.with_message(message))

    def score_yes_no(self, conversation: Conversation) -> YesNoScore:
        """How likely the answer to the last question begins with yes; nothing is drawn.

        Raises:
            AssistantError: The model cannot say yes or no.
            PromptTooLongError: Not even the last question fits the context.
        """
        return score_yes_no(self._llm, self._spliced(conversation))

    def log_likelihood(self, conversation: Conversation, text: str) -> tuple[float, int]:
        """Natural log-probability of a text as the answer, and how many tokens it has.

        Raises:
            PromptTooLongError: Question and text do not fit the context.
        """
        spliced, ids = self._spliced(conversation), text_ids(self._llm.tokenizer, text)
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
        if self._components.encoder is None:
            off = "; ".join(f"{a.name}: {a.reason}" for a in self._adapters[:2])
            return (
                f"The model sees no graph of the molecule here, so there is none to mask ({off})."
            )
        if not answer.token_ids or answer.model != self._llm.fingerprint:
            return (
                "The tokens of this answer are not kept for the model that is loaded (it was"
                " imported, or another model wrote it). Press retry and look at the new answer."
            )
        wrote = answer.passport.get("model")
        if not isinstance(wrote, Mapping) or _answerer(wrote) != _answerer(self.identity()):
            return (
                "This answer was written by another bundle, or with other adapters on, than what is"
                " loaded. Press retry and look at the new answer."
            )
        if answer.scalings is not None:
            return "This answer was mixed from experts, which are left out when answers are scored."
        prompt = self._fit(conversation)[1]
        if not prompt.molecules:
            return "The answer is about no molecule."
        if answer.passport.get("prompt_sha256", "") != prompt_digest(prompt):
            return (
                "The prompt of this answer cannot be made again (facts, prompt files or the index"
                " have changed since). Press retry and look at the new answer."
            )
        return ""

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
            Where it waits, then one tuple for each view, in order; fewer when it was stopped.
        """
        molecule = conversation.molecule(number).molecule
        prompts = (self._seen(conversation, molecule, view) for view in views)
        rescoring = llm_requests.Rescoring(prompts, answer.token_ids, stop, visitor)
        for event in self._engine.rescore(rescoring):
            if isinstance(event, llm_requests.Queued):
                yield Queued(event.position, event.seconds)
            else:
                yield event.log_probabilities

    def answer_offsets(self, answer: Message) -> tuple[tuple[int, int], ...]:
        """Where each token of an answer stands in its text, (start, end)."""
        return token_offsets(self._llm.tokenizer, answer.token_ids)

    def _seen(self, conversation: Conversation, molecule: Molecule, view: View) -> Spliced:
        render_prompt = self._render if view.told else render_untold
        changed = self.with_parts(masked(self._components, molecule, view), render_prompt)
        return changed._spliced(conversation)

    def _spliced(self, conversation: Conversation) -> Spliced:
        _, prompt, laid_out, _ = self._fit(conversation)
        return self._splice(prompt, laid_out, self._pairs(prompt, laid_out))

    def _fit(self, conversation: Conversation) -> tuple[Conversation, Prompt, Layout, str]:
        """Renders; leaves out what does not fit beside an answer: quoted captions, then old turns.

        Of the turns the older half goes at once.
        """
        dropped, nearest = 0, self._retrieval.nearest if self._retrieval else None
        notices = []
        while True:
            shown = conversation if self._reads_names else conversation.without_names()
            prompt = self._render(shown, self._llm.fingerprint, nearest)
            laid_out = layout(prompt, self._llm.tokenizer)
            n_tokens = self._count(laid_out)
            if n_tokens + _MIN_ANSWER_TOKENS <= self._llm.context:
                break
            if nearest is not None:
                nearest = None
                if prompt.retrieved:
                    notices.append(_NO_ROOM_TO_QUOTE)
                continue
            if conversation.n_turns < 2:
                raise PromptTooLongError(
                    f"The question with its molecules takes {n_tokens} tokens; the model reads"
                    f" {self._llm.context}, and {_MIN_ANSWER_TOKENS} are kept for the answer."
                    " Shorten the question or attach fewer molecules."
                )
            n_drop = max(1, conversation.n_turns // 2)
            conversation = without_oldest(conversation, n_drop)
            dropped += n_drop
        if dropped:
            turns = "turn was" if dropped == 1 else "turns were"
            notices.append(
                "The conversation is longer than the model can read:"
                f" its {dropped} oldest {turns} left out of this answer."
                " The molecules still in use were shown to the model again."
            )
        return conversation, prompt, laid_out, " ".join(notices)

    def _count(self, laid_out: Layout) -> int:
        return sum(self._length(piece) for piece in laid_out.pieces)

    def _length(self, piece: Piece) -> int:
        if isinstance(piece, IdsPiece):
            return len(piece.ids)
        parts = self._components
        return parts.n_pair_tokens if isinstance(piece, PairPiece) else parts.n_graph_tokens

    def _pairs(self, prompt: Prompt, laid_out: Layout) -> dict[PairSlot, PairEncoding]:
        """Interaction tokens of the pairs in a prompt; none when they are off."""
        encoder = self._components.pairs
        slots = [piece.slot for piece in laid_out.pieces if isinstance(piece, PairPiece)]
        if encoder is None or not slots:
            return {}
        found = encoder.encode([_molecule_pair(prompt, slot) for slot in slots])
        return dict(zip(slots, found, strict=True))

    def _splice(
        self, prompt: Prompt, laid_out: Layout, pairs: Mapping[PairSlot, PairEncoding]
    ) -> Spliced:
        encodings = {}
        encoder = self._components.encoder
        if encoder is not None:
            numbers = list(prompt.molecules)
            found = encoder.encode([prompt.molecules[n] for n in numbers])
            encodings = dict(zip(numbers, found, strict=True))
        embed_tokens = self._llm.model.get_input_embeddings()
        return splice(
            laid_out,
            encodings,
            embed_tokens,
            mode=self._components.combination,
            scope=self._components.scope,
            static=self._components.lora,
            pairs=pairs,
        )

    def _message(
        self,
        conversation: Conversation,
        prompt: Prompt,
        text: str,
        done: llm_requests.Done,
        options: ReplyOptions,
        figures: Figures,
    ) -> Message:
        facts = {m.number: facts_of(m.molecule) for m in conversation.molecules}
        names = {m.number: m.molecule.name for m in conversation.molecules if m.molecule.name}
        checks = check_answer(text, facts, prompt.focus[-1], names=names)
        sampling = {**asdict(_sampling(options)), "ended": done.reason}
        if options.spellings:
            sampling["spellings"] = {str(n): smiles for n, smiles in options.spellings.items()}
        scalings = self._scalings(done, options)
        return Message(
            "assistant",
            text,
            token_ids=done.token_ids,
            model=self._llm.fingerprint,
            checks=checks,
            passport=passport(
                conversation,
                prompt,
                checks,
                model=self.identity(),
                sampling=sampling,
                token_ids=done.token_ids,
                scalings=scalings,
                figures=figures,
            ),
            stopped=done.reason in ("stopped", "time"),
            scalings=scalings,
        )

    def _expert_mode(self, options: ReplyOptions) -> ExpertMode | None:
        """What the engine is asked for; nothing when there are no experts or they are unwanted."""
        if self._components.experts is None or options.experts == "off":
            return None
        return options.experts

    def _scalings(self, done: llm_requests.Done, options: ReplyOptions) -> ExpertScalings | None:
        mode, mixture = self._expert_mode(options), self._components.experts
        if mode is None or mixture is None or not done.scalings:
            return None
        layers = mixture.bank.layers
        rows = done.scalings * (len(layers) // len(done.scalings))  # one row may stand for all
        mean = tuple(tuple(round(weight, 6) for weight in row) for row in rows)
        return ExpertScalings(mode, mixture.bank.names, layers, mean)

    def identity(self) -> dict[str, object]:
        """What answers, as a passport names it."""
        return {
            **asdict(self.status()),
            "fingerprint": self._llm.fingerprint,
            "bundle_sha256": self._bundle_hash,
            **({"retrieval_sha256": self._retrieval_hash} if self._retrieval else {}),
        }


def _answerer(identity: Mapping[str, object]) -> tuple[object, list[str]]:
    """The bundle of an answer and the adapters it had on, of a passport's account of the model."""
    adapters = identity.get("adapters") or ()
    on = [str(one.get("name")) for one in adapters if isinstance(one, Mapping) and one.get("on")]
    return identity.get("bundle_sha256"), sorted(on)


def _molecule_pair(prompt: Prompt, slot: PairSlot) -> MoleculePair:
    first, second = prompt.molecules[slot.first], prompt.molecules[slot.second]
    return MoleculePair(first, second, pair_task(slot.task))


def _sampling(options: ReplyOptions) -> Sampling:
    """The part of the options that the engine needs."""
    return Sampling(
        options.temperature,
        options.top_p,
        options.repetition_penalty,
        options.max_new_tokens,
        options.seed,
    )


def without_oldest(conversation: Conversation, n_turns: int) -> Conversation:
    """Drops the first turns; the first one that is kept stays about the same molecules."""
    starts = [i for i, m in enumerate(conversation.messages) if m.role == "user"]
    focus = conversation.focus(n_turns)
    kept = list(conversation.messages[starts[n_turns] :])
    kept[0] = replace(kept[0], attached=focus)
    return replace(conversation, messages=tuple(kept))
