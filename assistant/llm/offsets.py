"""Where the tokens of an answer stand in its text; the ids are never made again from the text."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from assistant.llm.sampling import AnswerText


def token_offsets(
    tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """The characters each token added to the text while it was written, as (start, end).

    A token that was no whole character yet adds none; the one that completes it adds them.
    """
    text = AnswerText(tokenizer, ())
    spans: list[tuple[int, int]] = []
    at = 0
    for token_id in ids:
        delta, _ = text.add(token_id)
        spans.append((at, at + len(delta)))
        at += len(delta)
    return tuple(spans)
