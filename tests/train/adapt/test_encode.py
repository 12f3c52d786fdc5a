"""What is learned is laid out as what is served, under every kind of chat template."""

import random

import numpy as np
import pytest

from assistant.chat.conversation import Message
from assistant.chat.prompts import render_with
from assistant.chat.retrieved import Retrieved
from assistant.llm.layout import IdsPiece, SlotPiece, end_id, layout, text_ids
from assistant.train.adapt.dialogue import Lesson, Shown
from assistant.train.adapt.encode import LessonEncoder
from tests.llm.fakes import TEMPLATES, make_tokenizer
from tests.train.adapt.tiny import own_conversation

N_TOKENS = 3
COUNTS = (
    "{% for m in messages %}{{ messages | length }} {{ m.role }}: {{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
ALL = TEMPLATES | {"counts": COUNTS}
REWRITTEN = {"counts"}


def lesson(*, graph: bool = True) -> Lesson:
    conversation = own_conversation()
    shown = {
        entry.number: Shown(f"SMILES: {entry.molecule.smiles}\n", "no facts computed", graph)
        for entry in conversation.molecules
    }
    return Lesson(conversation, shown)


def served(tokenizer, n_turns: int) -> tuple[list, list, list]:
    """Ids, molecule numbers at slots and segments of the prompt the assistant renders."""
    conversation, shown = own_conversation(), lesson().shown
    messages = [
        m
        if m.role == "user"
        else Message(m.role, m.text, token_ids=text_ids(tokenizer, m.text), model="m")
        for m in conversation.messages
    ]
    asked = conversation.truncated(0)
    for message in messages[: 2 * n_turns - 1]:
        asked = asked.with_message(message)
    prompt = render_with(
        asked, lambda e: shown[e.number].card, lambda e: shown[e.number].identity, model="m"
    )
    ids, slots, segments = [], [], []
    for piece in layout(prompt, tokenizer).pieces:
        n = len(piece.ids) if isinstance(piece, IdsPiece) else N_TOKENS
        ids += piece.ids if isinstance(piece, IdsPiece) else [0] * n
        slots += [piece.number if isinstance(piece, SlotPiece) else 0] * n
        segments += [piece.segment] * n
    return ids, slots, segments


@pytest.mark.parametrize("name", ALL)
def test_an_example_is_the_served_prompt_and_the_answer(name):
    tokenizer = make_tokenizer(ALL[name])
    encoder = LessonEncoder(tokenizer, n_graph_tokens=N_TOKENS, sequence=2000)
    seen_turns = set()
    for seed in range(6):
        example = encoder.encode(lesson(), random.Random(seed))
        segments = [example.focuses[i] for i in example.segments]
        # A template that rewrites history is cut at a random turn, so either turn may be the last.
        for n_turns, answer in ((1, "molecule 2."), (2, "not so.")):
            ids, slots, wanted = served(tokenizer, n_turns)
            if len(ids) + len(text_ids(tokenizer, answer)) + 1 == len(example.ids):
                break
        tail = [*text_ids(tokenizer, answer), end_id(tokenizer)]
        assert list(example.ids) == [*ids, *tail]
        assert list(example.slots) == [*slots, *[0] * len(tail)]
        focus = (1, 2) if n_turns == 1 else (1,)
        assert segments == [*wanted, *[focus] * len(tail)]
        seen_turns.add(n_turns)
    assert seen_turns == ({1, 2} if name in REWRITTEN else {2})


@pytest.mark.parametrize("name", ALL)
def test_the_loss_is_on_answers_and_their_ends_alone(name):
    tokenizer = make_tokenizer(ALL[name])
    encoder = LessonEncoder(tokenizer, n_graph_tokens=N_TOKENS, sequence=2000)
    example = encoder.encode(lesson(), random.Random(1))
    starts = np.flatnonzero(np.diff(np.r_[0, example.weights > 0]) == 1)
    ends = np.flatnonzero(np.diff(np.r_[example.weights > 0, 0]) == -1)
    learned = [
        tokenizer.decode(example.ids[start : end + 1])
        for start, end in zip(starts, ends, strict=True)
    ]
    end = tokenizer.decode([end_id(tokenizer)])
    if name in REWRITTEN:
        assert learned in ([f"molecule 2.{end}"], [f"not so.{end}"])
    elif name in (
        "chatml",
        "no system",
        "drops thoughts",
    ):  # the end of an answer is the template's own
        assert learned == [f"molecule 2.{end}", f"not so.{end}"]
    else:
        assert learned[-1] == f"not so.{end}"
        assert learned[0].startswith("molecule 2.")
        assert len(learned) == 2
    assert set(example.weights) == {0.0, 1.0}


def test_a_dropped_graph_leaves_its_slot_empty():
    encoder = LessonEncoder(make_tokenizer(), n_graph_tokens=N_TOKENS, sequence=2000)
    with_graph, without = (
        encoder.encode(lesson(graph=graph), random.Random(0)) for graph in (True, False)
    )
    assert len(with_graph.ids) == len(without.ids) + 2 * N_TOKENS
    assert not without.slots.any()
    assert set(without.molecules) == {1, 2}  # their ΔW still applies


def test_captions_of_other_molecules_are_quoted_in_some_lessons():
    def nearest(molecule):
        return [Retrieved("C", f"quoted for {molecule.smiles}", 0.5, False, "f.csv", 2)]

    tokenizer = make_tokenizer()
    encoder = LessonEncoder(
        tokenizer, n_graph_tokens=N_TOKENS, sequence=4000, quoting=nearest, quoted=0.5
    )
    texts = [
        tokenizer.decode(encoder.encode(lesson(), random.Random(seed)).ids) for seed in range(40)
    ]
    with_quotes = [text for text in texts if "quoted for CCO" in text]
    assert 10 < len(with_quotes) < 30
    assert all("quoted for CC(=O)O" in text for text in with_quotes)


def test_an_example_is_cut_at_its_length_or_left_out():
    tokenizer = make_tokenizer()
    whole = LessonEncoder(tokenizer, n_graph_tokens=N_TOKENS, sequence=2000)
    full = whole.encode(lesson(), random.Random(0))
    first_answer = int(np.flatnonzero(full.weights)[0])
    cut = LessonEncoder(tokenizer, n_graph_tokens=N_TOKENS, sequence=first_answer + 2)
    short = cut.encode(lesson(), random.Random(0))
    assert list(short.ids) == list(full.ids[: first_answer + 2])
    assert short.weights.sum() == 2
    none = LessonEncoder(tokenizer, n_graph_tokens=N_TOKENS, sequence=first_answer)
    assert none.encode(lesson(), random.Random(0)) is None
