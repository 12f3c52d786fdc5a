"""A conversation with its branches: a tree of messages of which one path is shown. Pure values.

    1 question ─ 2 answer ─┬ 3 question ─ 4 answer      head = 6: the path is 1, 2, 5, 6;
                           └ 5 question ─ 6 answer      3 and 5 are variants, 5 is 2 of 2

Nothing is ever taken out: an edited question, another answer, a step back only move the head.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from assistant.chat.conversation import Conversation, Message, NumberedMolecule
from assistant.errors import HistoryError

State = Literal["done", "running", "failed"]


@dataclass(frozen=True)
class Node:
    """One message in its place.

    Attributes:
        id: Its number in the history.
        parent: The message it follows, None for a first question.
        message: What was written; empty text while an answer is running or when it failed.
        state: A failed answer has no words, only a reason.
        reason: Why an answer failed.
        created: Seconds since the epoch.
        vote: "up", "down", or nothing.
    """

    id: int
    parent: int | None
    message: Message
    state: State = "done"
    reason: str = ""
    created: float = 0.0
    vote: str = ""


@dataclass(frozen=True)
class Tree:
    """All messages of a conversation and the one that is shown last.

    Attributes:
        nodes: In the order in which they were written; a parent comes before its children.
        head: Last message shown, None when none is (an empty conversation, or all taken back).
        chosen: For a message (0 for the start) the follower that was shown last.
    """

    nodes: tuple[Node, ...] = ()
    head: int | None = None
    chosen: Mapping[int, int] = field(default_factory=dict)

    @cached_property
    def _by_id(self) -> dict[int, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def _children(self) -> dict[int | None, tuple[int, ...]]:
        children: dict[int | None, list[int]] = {}
        for node in self.nodes:
            children.setdefault(node.parent, []).append(node.id)
        return {parent: tuple(ids) for parent, ids in children.items()}

    @cached_property
    def path(self) -> tuple[Node, ...]:
        """The messages shown, from the first to the head."""
        return self.path_to(self.head)

    def path_to(self, node_id: int | None) -> tuple[Node, ...]:
        """The messages from the first one to this."""
        found: list[Node] = []
        while node_id is not None:
            node = self.node(node_id)
            found.append(node)
            node_id = node.parent
        return tuple(reversed(found))

    def node(self, node_id: int) -> Node:
        """A message by its number.

        Raises:
            HistoryError: This conversation has no such message.
        """
        node = self._by_id.get(node_id)
        if node is None:
            raise HistoryError("That message is no longer there; reload the page.")
        return node

    def variants(self, node_id: int) -> tuple[int, ...]:
        """The message and its siblings, in the order in which they were written."""
        return self._children[self.node(node_id).parent]

    def with_node(self, node: Node) -> "Tree":
        """A message added, or put in the place of the one with its number; the head stays."""
        if node.id not in self._by_id:
            return replace(self, nodes=(*self.nodes, node))
        nodes = tuple(node if old.id == node.id else old for old in self.nodes)
        return replace(self, nodes=nodes)

    def at(self, head: int | None) -> "Tree":
        """Another message shown last; every message above it is the chosen one from now on."""
        chosen = {node.parent or 0: node.id for node in self.path_to(head)}
        return replace(self, head=head, chosen={**self.chosen, **chosen})

    def switched(self, node_id: int) -> "Tree":
        """This message shown, and below it what was shown when it was last left."""
        head = node_id
        while children := self._children.get(head):
            kept = self.chosen.get(head)
            head = kept if kept in children else children[-1]
        return self.at(head)

    def unanswered(self) -> Node | None:
        """The last answer shown, when it failed: it and its question are no part of the talk."""
        last = self.path[-1] if self.path else None
        return last if last is not None and last.state == "failed" else None

    def messages(self) -> tuple[Message, ...]:
        """What a model is shown: the path without an answer that is running or failed.

        The question of a running answer stays, the one of a failed answer does not.
        """
        path = self.path
        if path and path[-1].state == "failed":
            path = path[:-2]
        elif path and path[-1].state == "running":
            path = path[:-1]
        return tuple(node.message for node in path)


@dataclass(frozen=True)
class StoredConversation:
    """A whole conversation as the history keeps it.

    Attributes:
        id: Unguessable; "" for one that is not kept yet.
        title: What the list calls it.
        created: Seconds since the epoch.
        updated: When something was last written.
        tree: All messages.
        molecules: By number.
        next_number: The number that the next molecule gets.
    """

    id: str = ""
    title: str = ""
    created: float = 0.0
    updated: float = 0.0
    tree: Tree = field(default_factory=Tree)
    molecules: tuple[NumberedMolecule, ...] = ()
    next_number: int = 1

    @cached_property
    def shown(self) -> Conversation:
        """The path that is shown, as models and views take it."""
        return Conversation(self.tree.messages(), self.molecules, self.next_number)

    def with_molecules_of(self, conversation: Conversation) -> "StoredConversation":
        """The molecules of another value of this conversation."""
        molecules, number = conversation.molecules, conversation.next_number
        return replace(self, molecules=molecules, next_number=number)


def are_branches(nodes: Iterable[Node]) -> bool:
    """Whether questions and answers alternate from the first question on, parents first."""
    roles: dict[int | None, str] = {None: "assistant"}
    for node in nodes:
        before = roles.get(node.parent)
        if before in (None, node.message.role) or node.id in roles:
            return False
        roles[node.id] = node.message.role
    return True
