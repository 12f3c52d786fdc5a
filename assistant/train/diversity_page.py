"""The report of `assistant.train.diversity` as Markdown, with what follows for an epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

WANTED_TOKENS = 100_000_000


def page_text(found: Mapping[str, Any]) -> str:
    """The whole report."""
    points: Mapping[str, Mapping[str, Any]] = found["points"]
    last = list(points.values())[-1]
    parts = [
        "# How different the generated conversations are",
        "",
        f"Written by `{found['command']}` on {found['date']}: {found['molecules']:,} molecules,"
        f" {found['seconds']:.0f} s. Definitions: `assistant/train/diversity.py`.",
        "",
        "## Written before",
        "A conversation counts as repeated when all its messages and all that is shown of its"
        " molecules were there before; a turn, when question and answer were.",
        "",
        *_repeats(points),
        "",
        *_tokens(found, last, n=int(list(points)[-1])),
        "",
        "## Distinct-n",
        *_distinct(points),
        "",
        f"Different questions, whatever they call their molecule: {last['different questions']:,}.",
        "",
        "## Intents",
        *_intents(last),
        "",
        "## Held-out questions",
        *_held_out(points),
    ]
    return "\n".join(parts) + "\n"


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _repeats(points: Mapping[str, Mapping[str, Any]]) -> list[str]:
    names = list(next(iter(points.values()))["seen"])
    lines = [_row(["conversations written", *(f"{n} repeated" for n in names)])]
    lines.append(_row(["---"] * (len(names) + 1)))
    for n, figures in points.items():
        cells = [
            f"{s['repeated']:,} of {s['n']:,} ({s['repeated'] / max(s['n'], 1):.3%})"
            for s in figures["seen"].values()
        ]
        lines.append(_row([f"{int(n):,}", *cells]))
    return lines


def _tokens(found: Mapping[str, Any], last: Mapping[str, Any], *, n: int) -> list[str]:
    tokens = found["tokens"]
    if not tokens:
        return ["Tokens were not counted: no tokenizer was given."]
    per_conversation = tokens["text"]
    needed = WANTED_TOKENS / per_conversation
    share = last["seen"]["conversations"]["repeated"] / n
    grown = min(1.0, share * max(needed / n, 1.0))
    lines = [
        f"A conversation has {per_conversation:.0f} tokens of text, {tokens['answers']:.0f} of them"
        f" in answers (mean of 2,000, graph tokens not counted). {n:,} conversations were written:"
        f" {n * per_conversation / 1e6:.1f} M tokens, of which"
        f" {n * per_conversation * (1 - share) / 1e6:.1f} M in conversations that were not there"
        " before (taken as long as the mean; the repeated ones are short).",
    ]
    if needed > n:
        lines.append(
            f"100 M tokens are {needed:,.0f} conversations. That is not measured: if the repeated"
            f" share grew in proportion to the number written, {grown:.2%} of them would be"
            " repeated; it grows slower where the same few short ones come again."
        )
    else:
        lines.append(
            f"100 M tokens are {needed:,.0f} conversations; more were written here, so this is"
            " measured, not extrapolated."
        )
    return lines


def _distinct(points: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        _row(["of", "conversations", *(f"distinct-{n}" for n in range(1, 5)), "different 4-grams"]),
        _row(["---"] * 7),
    ]
    for name in next(iter(points.values()))["distinct"]:
        for figures in points.values():
            grams = figures["distinct"][name]
            shares = [f"{grams[str(k)]['share']:.4f}" for k in range(1, 5)]
            n = figures["conversations with n-grams counted"]
            lines.append(_row([name, f"{int(n):,}", *shares, f"{grams['4']['different']:,}"]))
    return list(dict.fromkeys(lines))  # beyond the counted ones a line would come again


def _intents(last: Mapping[str, Any]) -> list[str]:
    intents: Mapping[str, int] = last["intents"]
    total = sum(intents.values())
    missing = last["intents not written"]
    shares = ", ".join(f"{name} {count / total:.1%}" for name, count in intents.items())
    return [
        f"{len(intents)} intents in {total:,} turns: {shares}.",
        f"Not written: {', '.join(missing) if missing else 'none'}.",
        "Turns that go on with a plain text are left out: their words are those of the text. A run"
        " with `text_share` has them among its turns.",
    ]


def _held_out(points: Mapping[str, Mapping[str, Any]]) -> list[str]:
    kinds = {"held out": "held-out questions", "held-out chat turns": "turns of held-out chats"}
    lines = []
    for kind, called in kinds.items():
        for n, figures in points.items():
            held_out = dict(figures[kind])
            total, same, named = (held_out.pop(k) for k in ("questions", "same", "the same ones"))
            near = ", ".join(f"{count} {what}" for what, count in held_out.items())
            is_last = n == list(points)[-1]
            told = f" ({'; '.join(dict.fromkeys(named))})" if named and is_last else ""
            lines.append(
                f"- {int(n):,} conversations: {same} of {total} {called} were written word for"
                f" word, whatever they call the molecule{told}; {near}."
            )
    return lines
