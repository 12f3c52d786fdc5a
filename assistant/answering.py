"""Around one answer: how the engine is asked for it, and the checked message that becomes of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from assistant.adapters.xlora.mixture import Mixture
from assistant.chat.check import Check, check_answer
from assistant.chat.conversation import Message
from assistant.chat.events import Finished
from assistant.chat.figures import Figures
from assistant.chat.first_attempt import SecondThoughts
from assistant.chat.meant import meant_value
from assistant.chat.mixture import ExpertScalings
from assistant.chat.passport import passport
from assistant.chat.reply import ReplyOptions
from assistant.chat.wanted import declined_value, wanted_subject, wanted_value
from assistant.chat.wanted_kinds import PredictedValue, UnknownValue, Wanted, wordings_of
from assistant.llm.experts import ExpertMode
from assistant.llm.requests import Done
from assistant.llm.sampling import Sampling
from assistant.predicted.values import PredictedValues
from assistant.prompting import Fitted, Prompting, facts_of

_NO_SECOND_THOUGHTS = SecondThoughts(on=False)


def sampling_of(options: ReplyOptions) -> Sampling:
    """The part of the options that the engine needs."""
    return Sampling(
        options.temperature,
        options.top_p,
        options.repetition_penalty,
        options.max_new_tokens,
        options.seed,
        ends_circles=True,
    )


def expert_mode(experts: Mixture | None, options: ReplyOptions) -> ExpertMode | None:
    """What the engine is asked for; nothing when there are no experts or they are unwanted."""
    if experts is None or options.experts == "off":
        return None
    return options.experts


def checker(fitted: Fitted) -> Callable[[str], tuple[Check, ...]]:
    """Checks texts as answers to a prompt, against the facts of its conversation's molecules."""
    conversation, focus = fitted.conversation, fitted.prompt.focus[-1]
    facts = {m.number: facts_of(m.molecule) for m in conversation.molecules}
    names = {m.number: m.molecule.name for m in conversation.molecules if m.molecule.name}
    question = conversation.messages[-1].asked
    return lambda text: check_answer(text, facts, focus, names=names, question=question)


def _noted(
    checks: tuple[Check, ...], fitted: Fitted, predicted: PredictedValues | None
) -> tuple[Check, ...]:
    """The checks of the answer that is shown: predicted numbers say how far they were off."""
    if predicted is None:
        return checks
    molecules = {m.number: m.molecule for m in fitted.conversation.molecules}
    return predicted.annotated(checks, molecules, fitted.prompt.focus[-1])


def wanted_of(
    fitted: Fitted, answer: str, predicted: PredictedValues | None = None
) -> Wanted | None:
    """What the last question asks for beyond doubt, or an answer wrongly says not to know.

    Where that is not known, at least which molecule it is about.

    Args:
        fitted: The conversation that ends with the question.
        answer: The first attempt.
        predicted: What the language model predicts of properties that are not computed.
    """
    conversation = fitted.conversation
    wanted = (
        meant_value(conversation)
        or wanted_value(conversation)
        or declined_value(conversation, answer)
        or wanted_subject(conversation)
    )
    if isinstance(wanted, UnknownValue) and predicted is not None:
        wanted = _as_predicted(wanted, predicted)
    if wanted is None or wanted.lines is not None:
        return wanted
    asked = conversation.messages[-1].asked
    return wanted if any(question != asked for question in wordings_of(wanted)) else None


def _as_predicted(wanted: UnknownValue, predicted: PredictedValues) -> Wanted:
    """What the model predicts is asked for again where the answer declines it."""
    if wanted.of_several or wanted.key not in predicted.quantities:
        return wanted
    return PredictedValue(wanted.key, wanted.number)


@dataclass(frozen=True)
class Written:
    """An answer as it came.

    Attributes:
        text: What it says.
        done: How it ended.
        checks: Verdicts on its claims.
    """

    text: str
    done: Done
    checks: tuple[Check, ...]

    @property
    def contradicted(self) -> tuple[Check, ...]:
        """Its claims that are wrong."""
        return tuple(check for check in self.checks if check.verdict == "contradicted")

    @property
    def confirmed(self) -> tuple[Check, ...]:
        """Its claims that are right."""
        return tuple(check for check in self.checks if check.verdict == "confirmed")

    @property
    def was_stopped(self) -> bool:
        """Whether it has no end, because of the person or of the time limit."""
        return self.done.reason in ("stopped", "time")


def message_of(
    written: Written,
    fitted: Fitted,
    prompting: Prompting,
    options: ReplyOptions,
    *,
    identity: Mapping[str, object],
    figures: Figures | None,
    second_thoughts: SecondThoughts,
    by: str = "",
) -> Message:
    """The answer with its checks and its passport.

    Args:
        written: The answer.
        fitted: Its prompt.
        prompting: How that was made.
        options: How it was drawn.
        identity: What answered, as a passport names it.
        figures: What was measured of it; None where the model was not asked.
        second_thoughts: Whether it was written again.
        by: Who answered, where that was not the language model.
    """
    done = written.done
    checks = _noted(written.checks, fitted, prompting.components.predicted)
    sampling = {**asdict(sampling_of(options)), "ended": done.reason}
    if by:
        sampling["by"] = by
    if options.spellings:
        sampling["spellings"] = {str(n): smiles for n, smiles in options.spellings.items()}
    scalings = _scalings(done, prompting.components.experts, options)
    return Message(
        "assistant",
        written.text,
        token_ids=done.token_ids,
        model=prompting.llm.fingerprint,
        checks=checks,
        passport=passport(
            fitted.conversation,
            fitted.prompt,
            checks,
            model=identity,
            sampling=sampling,
            token_ids=done.token_ids,
            scalings=scalings,
            figures=figures,
            second_thoughts=second_thoughts,
        ),
        stopped=written.was_stopped,
        scalings=scalings,
        first_attempt=second_thoughts.first,
    )


@dataclass(frozen=True)
class Turn:
    """A question, and what its answer becomes a message with.

    Attributes:
        fitted: Its prompt.
        prompting: How that was made.
        options: How the answer is drawn.
        identity: What answers, as a passport names it.
        began: When it was asked (perf_counter).
    """

    fitted: Fitted
    prompting: Prompting
    options: ReplyOptions
    identity: Mapping[str, object]
    began: float

    def finished(
        self,
        written: Written,
        figures: Figures | None = None,
        *,
        first: Done | None = None,
        second_thoughts: SecondThoughts = _NO_SECOND_THOUGHTS,
        by: str = "",
    ) -> Finished:
        """The last event of its answer.

        Args:
            written: The answer.
            figures: What was measured of it; None where no model was asked.
            first: How the first attempt ended, whose speed is told; the answer's own without one.
            second_thoughts: Whether it was written again.
            by: Who answered, where that was not the language model.
        """
        done = first or written.done
        message = message_of(
            written,
            self.fitted,
            self.prompting,
            self.options,
            identity=self.identity,
            figures=figures,
            second_thoughts=second_thoughts,
            by=by,
        )
        seconds = time.perf_counter() - self.began
        return Finished(message, seconds, done.first_token_s, done.tokens_per_s, figures)


def _scalings(done: Done, mixture: Mixture | None, options: ReplyOptions) -> ExpertScalings | None:
    mode = expert_mode(mixture, options)
    if mode is None or mixture is None or not done.scalings:
        return None
    layers = mixture.bank.layers
    rows = done.scalings * (len(layers) // len(done.scalings))  # one row may stand for all
    mean = tuple(tuple(round(weight, 6) for weight in row) for row in rows)
    return ExpertScalings(mode, mixture.bank.names, layers, mean)
