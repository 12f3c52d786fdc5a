"""The algebra of branches: nothing written is ever lost, and switching back restores what was."""

import random

import pytest

from assistant.chat.conversation import Message
from assistant.chat.history.records import (
    conversation_from_json,
    conversation_to_json,
)
from assistant.chat.history.tree import Node, StoredConversation, Tree
from assistant.errors import HistoryError
from tests.chat.history.values import ASPIRIN, ETHANOL, PAIR, answer, conversation, question


def grown(*steps: tuple[int | None, str]) -> Tree:
    """A tree of questions and answers: each step is its parent and its text; the last is shown."""
    tree = Tree()
    for number, (parent, text) in enumerate(steps, 1):
        role = "user" if parent is None or tree.node(parent).message.role != "user" else "assistant"
        tree = tree.with_node(Node(number, parent, Message(role, text))).at(number)
    return tree


BRANCHED = grown(
    (None, "q1"), (1, "a1"), (2, "q2"), (3, "a2"), (2, "q2 edited"), (5, "a3"), (1, "a1 again")
)  # fmt: skip


def texts(tree: Tree) -> list[str]:
    return [message.text for message in tree.messages()]


def test_an_edit_and_another_answer_are_variants_in_the_order_they_were_written() -> None:
    assert BRANCHED.variants(5) == (3, 5)
    assert BRANCHED.variants(2) == (2, 7)
    assert texts(BRANCHED) == ["q1", "a1 again"]


def test_switching_shows_what_was_shown_there_last() -> None:
    first = BRANCHED.switched(2)
    assert texts(first) == ["q1", "a1", "q2 edited", "a3"]
    older = first.switched(3)
    assert texts(older) == ["q1", "a1", "q2", "a2"]
    assert texts(older.switched(7).switched(2)) == ["q1", "a1", "q2", "a2"]


def test_a_step_back_hides_and_going_on_makes_a_variant() -> None:
    tree = BRANCHED.switched(2).at(2)
    assert texts(tree) == ["q1", "a1"]
    tree = tree.with_node(Node(8, 2, question("q2 third"))).at(8)
    assert tree.variants(8) == (3, 5, 8)


def test_a_failed_answer_and_its_question_are_no_part_of_the_talk() -> None:
    failed = Node(3, 2, question("q2"))
    reason = Node(4, 3, Message("assistant", ""), "failed", "The queue is full.")
    tree = grown((None, "q1"), (1, "a1")).with_node(failed).with_node(reason).at(4)
    assert texts(tree) == ["q1", "a1"]
    assert tree.unanswered().reason == "The queue is full."
    running = tree.with_node(Node(4, 3, Message("assistant", ""), "running"))
    assert texts(running) == ["q1", "a1", "q2"]


def test_a_message_that_is_not_there_is_an_error_for_the_person() -> None:
    with pytest.raises(HistoryError, match="no longer there"):
        BRANCHED.switched(99)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_is_done_nothing_is_lost_and_every_branch_can_be_shown_again(seed: int) -> None:
    rng = random.Random(seed)
    tree, written = Tree(), {}
    for number in range(1, 60):
        act = rng.choice(("ask", "ask", "retry", "edit", "back", "switch"))
        path = tree.path
        questions = [node for node in path if node.message.role == "user"]
        if act == "switch" and tree.nodes:
            target = rng.choice(tree.nodes).id
            tree = tree.switched(target)
            assert target in [node.id for node in tree.path]
            continue
        if act == "back" and questions:
            tree = tree.at(questions[-1].parent)
            continue
        if act == "retry" and questions:
            parent, role = rng.choice(questions).id, "assistant"
        elif act == "edit" and questions:
            parent, role = rng.choice(questions).parent, "user"
        else:
            is_question = bool(path) and path[-1].message.role == "user"
            parent, role = tree.head, "assistant" if is_question else "user"
        node = Node(number, parent, Message(role, f"text {number}"))
        before = len(tree.variants(node.id)) if node.id in written else None
        assert before is None
        tree = tree.with_node(node).at(number)
        written[number] = node
        assert tree.path[-1] == node
        assert tree.variants(number)[-1] == number
    assert {node.id: node for node in tree.nodes} == written
    for node in tree.nodes:
        shown = tree.at(node.id)
        assert shown.path[-1] == node
        roles = [message.role for message in shown.messages()]
        assert roles == (["user", "assistant"] * len(roles))[: len(roles)]
        assert tree.switched(node.id).switched(node.id) == tree.switched(node.id)


def stored() -> StoredConversation:
    tree = Tree()
    for node in (
        Node(10, None, question("What is it?", 1), created=1.0),
        Node(11, 10, answer("It has 2 rings."), created=2.0, vote="up"),
        Node(12, 11, PAIR, created=3.0),
        Node(13, 12, Message("assistant", ""), "failed", "The queue is full.", 4.0),
        Node(14, 10, answer("Another answer."), created=5.0),
    ):
        tree = tree.with_node(node).at(node.id)
    value = StoredConversation("id", "Title", 1.0, 5.0, tree)
    return value.with_molecules_of(conversation(ASPIRIN, ETHANOL))


def test_a_conversation_becomes_json_and_back() -> None:
    value = stored()
    assert conversation_from_json(conversation_to_json(value)) == value


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"format_version": 2}, "format version 2"),
        ({"nodes": [{"id": 1}]}, "no whole conversation"),
        ({"nodes": None}, "no whole conversation"),
        ({"head": 99}, "no longer there"),
        ({"molecules": []}, "do not fit"),
        ({"molecules": [{"number": 1, "smiles": "C1CC", "name": None, "role": None}]}, "ring 1"),
    ],
)
def test_a_file_that_does_not_fit_together_is_refused_with_the_reason(damage, words) -> None:
    with pytest.raises(HistoryError, match=words):
        conversation_from_json({**conversation_to_json(stored()), **damage})


def test_branches_that_go_round_in_a_circle_are_refused() -> None:
    data = conversation_to_json(stored())
    data["nodes"][0]["parent"] = 14
    with pytest.raises(HistoryError, match="do not form branches"):
        conversation_from_json(data)


def test_an_answer_that_was_running_in_a_file_is_read_as_failed() -> None:
    data = conversation_to_json(stored())
    data["nodes"][3]["state"] = "running"
    assert conversation_from_json(data).tree.node(13).state == "failed"
