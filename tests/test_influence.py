"""Influence of parts of a molecule on an answer, on a tiny random bundle and on made-up scores."""

import json
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.adapters.generator import LoraGenerator
from assistant.assistant import Assistant
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished, Queued
from assistant.chat.mixture import ExpertScalings
from assistant.chat.reply import AdapterStatus, ReplyOptions
from assistant.chat.view import View
from assistant.chem.molecule import Molecule
from assistant.encoding import MoleculeEncoder
from assistant.errors import AnswerFailedError
from assistant.influence import (
    N_DRAWS,
    NO_GRAPH,
    NOTHING,
    UNTOLD,
    WHOLE,
    Measurement,
    Unit,
    measure,
    plan,
    random_sets,
)
from assistant.llm.scoring import log_probabilities
from assistant.masking import render_untold
from assistant.rescoring import seen
from assistant.retrieval.index import Captioned, Index, build_index
from tests.bundles import write_tiny_bundle

ASPIRIN = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O", name="aspirin")
ETHANOL = Molecule.parse("CCO")
OPTIONS = ReplyOptions(temperature=1.0, seed=3, max_new_tokens=12)


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    bundle: Path = write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    return Assistant.load(bundle, device="cpu")


def asked(*molecules: Molecule) -> Conversation:
    conversation, numbers = Conversation(), []
    for molecule in molecules:
        conversation, number = conversation.with_molecule(molecule)
        numbers.append(number)
    return conversation.with_message(Message("user", "What is it?", tuple(numbers)))


def answer_of(assistant: Assistant, conversation: Conversation) -> Message:
    *_, last = assistant.reply(conversation, options=OPTIONS)
    assert isinstance(last, Finished)
    return last.message


def measured(
    assistant: Assistant, conversation: Conversation, answer: Message, **options: object
) -> Measurement:
    number = conversation.molecules[0].number
    found = plan(conversation.molecule(number).molecule, number, **options)
    list(measure(assistant, conversation, answer, found, stop=threading.Event()))
    assert found.is_done
    return found


@pytest.fixture(scope="module")
def conversation() -> Conversation:
    return asked(ASPIRIN)


@pytest.fixture(scope="module")
def answer(assistant: Assistant, conversation: Conversation) -> Message:
    return answer_of(assistant, conversation)


@pytest.fixture(scope="module")
def found(assistant: Assistant, conversation: Conversation, answer: Message) -> Measurement:
    return measured(assistant, conversation, answer)


def test_the_answer_is_scored_under_the_prompt_and_ids_it_was_written_with(
    assistant, conversation, answer, found
):
    spliced = assistant.prompting.spliced(conversation)
    wanted = float(log_probabilities(assistant._llm, spliced, [answer.token_ids])[0])
    tokens = range(len(answer.token_ids))
    totals = found.totals(tokens)
    assert totals.log_p == pytest.approx(wanted, abs=1e-3)
    assert totals.n_tokens == len(answer.token_ids)


def test_motifs_come_first_and_every_atom_is_masked_once(found):
    kinds = [unit.kind for unit in found.units]
    assert kinds == sorted(kinds, reverse=True)  # "motif" before "atom"
    assert [u.atoms for u in found.units if u.kind == "atom"] == [(n,) for n in range(1, 14)]
    assert len(set(found.views)) == len(found.views)


def test_masking_parts_changes_the_answer_s_probability(found, answer):
    tokens = range(len(answer.token_ids))
    totals = found.totals(tokens)
    assert abs(totals.graph) > 1e-4
    assert abs(totals.text) > 1e-4
    effects = found.effects("motif", tokens) + found.effects("atom", tokens)
    assert len(effects) == len(found.units)
    assert len({round(e.nats, 6) for e in effects}) > 5


def test_effects_of_sentences_add_up_to_that_of_the_answer(found, answer):
    n = len(answer.token_ids)
    whole = {e.unit: e.nats for e in found.effects("motif", range(n))}
    parts = [
        {e.unit: e.nats for e in found.effects("motif", part)} for part in (range(5), range(5, n))
    ]
    for unit, nats in whole.items():
        assert parts[0][unit] + parts[1][unit] == pytest.approx(nats, abs=1e-6)


def test_without_graph_tokens_and_with_a_zero_delta_every_effect_is_exactly_zero(
    assistant, conversation
):
    encoder = assistant.components.encoder
    zero = LoraGenerator(encoder.generator.config)  # B is zero at the start of training
    blind = MoleculeEncoder(encoder.encoder, None, zero)
    parts = replace(assistant.components, encoder=blind, n_graph_tokens=0)
    without = assistant.with_parts(parts, assistant.prompting.render)
    answer = answer_of(without, conversation)
    nothing = measured(without, conversation, answer)
    tokens = range(len(answer.token_ids))
    effects = nothing.effects("motif", tokens) + nothing.effects("atom", tokens)
    assert {e.nats for e in effects} == {0.0}
    assert not any(e.stands_out for e in effects)


def test_a_measurement_can_be_made_again_and_does_not_depend_on_how_it_is_written(
    assistant, conversation, answer, found
):
    assert measured(assistant, conversation, answer).scores == found.scores
    other = asked(Molecule.parse("OC(=O)c1c(OC(C)=O)cccc1", name="aspirin"))
    again = measured(assistant, other, answer)
    assert again.units == found.units
    assert again.scores == found.scores


def test_the_text_can_be_left_out_while_parts_are_masked(assistant, conversation, answer, found):
    untold = measured(assistant, conversation, answer, told=False)
    tokens = range(len(answer.token_ids))
    assert untold.totals(tokens) == found.totals(tokens)
    assert all(not view.told for view in untold.views[4:])
    assert [e.nats for e in untold.effects("atom", tokens)] != [
        e.nats for e in found.effects("atom", tokens)
    ]


def test_of_two_molecules_only_the_parts_of_one_are_masked(assistant):
    conversation = asked(ETHANOL, ASPIRIN)
    answer = answer_of(assistant, conversation)
    found = measured(assistant, conversation, answer)
    assert found.n_atoms == 3
    tokens = range(len(answer.token_ids))
    assert all(math.isfinite(e.nats) and e.nats for e in found.effects("motif", tokens))


def test_a_stopped_measurement_goes_on_where_it_was(assistant, conversation, answer, found):
    stop, partial = threading.Event(), plan(ASPIRIN, 1)
    for event in measure(assistant, conversation, answer, partial, stop=stop):
        if isinstance(event, Measurement) and event.n_done == 6:
            stop.set()
    assert partial.n_done == 6
    tokens = range(len(answer.token_ids))
    assert len(partial.effects("motif", tokens)) == 2
    list(measure(assistant, conversation, answer, partial, stop=threading.Event()))
    assert partial.scores == found.scores
    assert list(measure(assistant, conversation, answer, partial, stop=threading.Event())) == []


def test_what_cannot_be_scored_says_why(assistant, conversation, answer):
    def reason(asked: Conversation = conversation, **changes: object) -> str:
        return assistant.cannot_rescore(asked, replace(answer, **changes))

    assert reason() == ""
    assert "retry" in reason(model="another")
    assert "retry" in reason(token_ids=())
    assert "experts" in reason(scalings=ExpertScalings("turn", ("a",), ("l",), ((1.0,),)))
    passport = answer.passport
    other = {**passport, "prompt_sha256": "0" * 64}
    assert "cannot be made again" in reason(passport=other)
    model = {**passport["model"], "bundle_sha256": "0" * 64}
    assert "another bundle" in reason(passport={**passport, "model": model})
    off = [{**one, "on": False} for one in passport["model"]["adapters"]]
    assert "other adapters" in reason(passport={**passport, "model": {**model, "adapters": off}})
    assert reason(passport=json.loads(json.dumps(passport))) == ""  # as the history keeps it
    assert "another bundle" in reason(passport={})
    talk = Conversation().with_message(Message("user", "Hello"))
    assert assistant.cannot_rescore(talk, answer_of(assistant, talk)) == (
        "The answer is about no molecule."
    )
    parts = replace(assistant.components, encoder=None, n_graph_tokens=0)
    off = assistant.with_parts(parts, assistant.prompting.render)
    off._adapters = tuple(
        AdapterStatus(name, False, f"no {name} here")
        for name in ("pair tokens", "graph tokens", "instance LoRA")
    )
    reason = off.cannot_rescore(conversation, answer)
    assert "no graph" in reason
    assert "no graph tokens here; instance LoRA: no instance LoRA here)" in reason
    assert "pair tokens" not in reason


def test_a_prompt_without_the_text_is_of_the_turns_that_the_answer_was_written_under(
    tmp_path: Path,
) -> None:
    small = Assistant.load(write_tiny_bundle(tmp_path / "small", context=1024), device="cpu")
    talk, words = asked(ASPIRIN), "And what else? " * 4
    while not (notice := small.prompting.fit(talk).notice):
        talk = talk.with_message(Message("assistant", "It is an acid. " * 8))
        talk = talk.with_message(Message("user", words))
    assert "oldest" in notice
    untold = replace(small.prompting, render=render_untold)
    fitted = small.prompting.fit(talk)
    kept = fitted.conversation
    assert untold.fit(talk).conversation != kept  # without a card there would be room for more
    found = seen(small.prompting, fitted, ASPIRIN, View(told=False))
    assert found.content == untold.spliced(kept).content


def test_an_index_is_hashed_once_and_not_for_every_view(
    assistant, tmp_path, monkeypatch, conversation
):
    build_index([Captioned(ETHANOL, "A small alcohol.", "own.csv", 2)], tmp_path / "index")
    monkeypatch.setattr(Index, "digest", lambda self: digests.append(self) or "0" * 64)
    digests: list[Index] = []
    prompting = replace(assistant.prompting, retrieval=Index(tmp_path / "index"))
    quoting = Assistant("tiny", assistant._engine, prompting, (), assistant.bundle_hash)
    answer = answer_of(quoting, conversation)
    views = [View(), View(hidden=frozenset({1})), View(graph=False)]
    scores = list(quoting.rescore(conversation, answer, 1, views, stop=threading.Event()))
    assert len(scores) == len(views)
    assert len(digests) == 1


def test_similar_molecules_are_sought_once_and_not_for_every_view(
    assistant, tmp_path, monkeypatch, conversation
):
    build_index([Captioned(ETHANOL, "A small alcohol.", "own.csv", 2)], tmp_path / "index")
    index = Index(tmp_path / "index")
    prompting = replace(assistant.prompting, retrieval=index)
    quoting = Assistant("tiny", assistant._engine, prompting, (), assistant.bundle_hash)
    answer = answer_of(quoting, conversation)
    views = [View(), View(hidden=frozenset({1})), View(told=False), View(graph=False, told=False)]
    sought, nearest = [], index.nearest
    monkeypatch.setattr(index, "nearest", lambda *given: sought.append(given) or nearest(*given))
    prompting.fit(conversation)
    n_once = len(sought)
    sought.clear()
    scores = list(quoting.rescore(conversation, answer, 1, views, stop=threading.Event()))
    assert len(scores) == len(views)
    assert len(sought) == n_once > 0


# -- made-up scores ------------------------------------------------------------------------------


class Scripted:
    """An assistant whose log-probability of each token depends on the view alone."""

    def __init__(self, score) -> None:
        self.score = score
        self.seen: list[View] = []

    def rescore(
        self,
        conversation: Conversation,
        answer: Message,
        number: int,
        views: Sequence[View],
        *,
        stop: threading.Event,
        visitor: str,
    ) -> Iterator[Queued | tuple[float, ...]]:
        yield Queued(1, 2.0)
        for view in views:
            self.seen.append(view)
            yield (self.score(view), -0.5)


def made_up(score, molecule: Molecule = ASPIRIN, **options: object) -> Measurement:
    found = plan(molecule, 1, **options)
    events = list(
        measure(Scripted(score), asked(molecule), Message("assistant", ""), found,
                stop=threading.Event())
    )  # fmt: skip
    assert isinstance(events[0], Queued)
    return found


def test_what_a_sentence_needs_stands_out_and_comes_first():
    found = made_up(
        lambda view: -1.0 - 2.0 * ({11, 12, 13} <= view.hidden) - 0.01 * len(view.hidden)
    )
    first, *others = found.effects("motif", (0, 1))
    assert first.unit == Unit("carboxylic acid", "motif", (11, 12, 13))
    assert first.nats == pytest.approx(2.03)
    assert first.control.mean == pytest.approx(0.03)
    assert first.control.n == N_DRAWS
    assert first.stands_out
    assert not any(other.stands_out for other in others)
    assert found.effects("motif", (1,))[0].nats == 0.0  # of another sentence


def test_an_effect_like_that_of_any_other_atoms_does_not_stand_out():
    found = made_up(lambda view: -1.0 - 0.3 * len(view.hidden))
    effects = found.effects("motif", (0,)) + found.effects("atom", (0,))
    assert all(e.nats > 0.2 for e in effects)
    assert not any(e.stands_out for e in effects)


def test_a_control_picture_shows_other_sets_of_the_same_sizes_and_shuffled_atoms():
    found = made_up(lambda view: -1.0 - 2.0 * ({11, 12, 13} <= view.hidden))
    own = {unit.atoms for unit in found.units if unit.kind == "motif"}
    control = found.control_effects("motif", (0,))
    assert sorted(len(e.unit.atoms) for e in control) == sorted(len(atoms) for atoms in own)
    assert own.isdisjoint(e.unit.atoms for e in control)
    assert control == found.control_effects("motif", (0,))
    atoms, shuffled = found.effects("atom", (0,)), found.control_effects("atom", (0,))
    assert sorted(e.nats for e in atoms) == sorted(e.nats for e in shuffled)
    assert {e.unit.atoms for e in shuffled} == {(n,) for n in range(1, 14)}


def test_an_effect_smaller_than_that_of_random_atoms_is_none():
    found = made_up(lambda view: -1.0 - 0.5 * (len(view.hidden - {11, 12, 13}) > 0))
    acid = next(e for e in found.effects("motif", (0,)) if "acid" in e.unit.name)
    assert acid.nats == 0.0
    assert acid.falls_short
    assert not acid.stands_out


def test_one_atom_is_compared_with_all_the_others():
    found = made_up(lambda view: -1.0 - 0.5 * (3 in view.hidden))
    first, *others = found.effects("atom", (0,))
    assert first.unit.atoms == (3,)
    assert (first.control.n, first.control.mean, first.stands_out) == (12, 0.0, True)
    assert not any(other.stands_out for other in others)


def test_a_small_molecule_has_no_control_and_nothing_stands_out():
    found = made_up(lambda view: -1.0 - (3 in view.hidden), ETHANOL)
    assert all(effect.control is None for effect in found.effects("atom", (0,)))
    assert not any(effect.stands_out for effect in found.effects("atom", (0,)))


def test_a_part_that_is_the_whole_molecule_is_the_molecule_without_its_graph():
    found = made_up(lambda view: -1.0 - view.graph, Molecule.parse("c1ccccc1"))
    [ring] = found.effects("motif", (0,))
    assert found.view_of(frozenset(ring.unit.atoms)) == NO_GRAPH
    assert ring.control is None


def test_totals_are_what_a_sentence_loses_without_a_source():
    values = {WHOLE: -1.0, NO_GRAPH: -1.5, UNTOLD: -9.0, NOTHING: -10.0}
    found = made_up(lambda view: values.get(view, -1.0))
    totals = found.totals((0,))
    assert (totals.log_p, totals.graph, totals.text, totals.both) == (-1.0, 0.5, 8.0, 9.0)
    assert plan(ASPIRIN, 1).totals((0,)) is None


def test_atoms_of_a_large_molecule_are_not_masked_one_by_one():
    large = Molecule.parse("CCO" + "C" * 70)
    found = plan(large, 1)
    assert {unit.kind for unit in found.units} == {"motif"}
    assert all(len(sets) <= N_DRAWS for sets in found.draws.values())


def test_numbers_that_are_not_finite_are_told():
    with pytest.raises(AnswerFailedError, match="not finite"):
        made_up(lambda view: math.nan)


def test_random_sets_differ_are_drawn_again_alike_and_are_all_there_are_when_few():
    sets = random_sets(13, 3, "0 x 3")
    assert len(set(sets)) == N_DRAWS
    assert all(len(one) == 3 and one <= set(range(1, 14)) for one in sets)
    assert random_sets(13, 3, "0 x 3") == sets
    assert random_sets(13, 3, "1 x 3") != sets
    assert set(random_sets(4, 3, "")) == {frozenset({1, 2, 3, 4} - {left}) for left in (1, 2, 3, 4)}
