"""A stored conversation as JSON types and back: rows of the history, exported files."""

from collections.abc import Mapping
from dataclasses import replace

from assistant.chat.conversation import (
    NumberedMolecule,
    message_from_json,
    message_to_json,
)
from assistant.chat.history.tree import Node, StoredConversation, Tree, are_branches
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, HistoryError

FORMAT_VERSION = 1
MAX_NODES = 20_000
STATES = ("done", "running", "failed")


def conversation_to_json(stored: StoredConversation) -> dict[str, object]:
    """JSON types only; `conversation_from_json` gives an equal value back."""
    return {
        "format": "molecule-chat conversation",
        "format_version": FORMAT_VERSION,
        "id": stored.id,
        "title": stored.title,
        "created": stored.created,
        "updated": stored.updated,
        "head": stored.tree.head,
        "chosen": [[parent, child] for parent, child in stored.tree.chosen.items()],
        "next_number": stored.next_number,
        "molecules": [molecule_to_json(entry) for entry in stored.molecules],
        "nodes": [node_to_json(node) for node in stored.tree.nodes],
    }


def conversation_from_json(data: Mapping[str, object]) -> StoredConversation:
    """Reads what `conversation_to_json` wrote, perhaps on another machine: nothing is trusted.

    An answer that was running when it was written became of nobody; it is read as failed.

    Raises:
        HistoryError: Another format or version, or something that does not fit together.
    """
    version = data.get("format_version")
    if version != FORMAT_VERSION:
        raise HistoryError(
            f"This conversation has format version {version!r}; version {FORMAT_VERSION} is read."
        )
    try:
        return _conversation(data)
    except (KeyError, TypeError, ValueError) as error:
        raise HistoryError(
            f"This is no whole conversation of this assistant ({type(error).__name__}: {error})."
        ) from error


def _conversation(data: Mapping[str, object]) -> StoredConversation:
    entries = data["nodes"]
    if len(entries) > MAX_NODES:
        raise HistoryError(f"{len(entries):,} messages; at most {MAX_NODES:,} are read.")
    nodes = tuple(_settled(node_from_json(entry)) for entry in entries)
    if not are_branches(nodes):
        raise HistoryError("The messages of this conversation do not form branches.")
    molecules = tuple(_parsed(molecule_from_json(entry)) for entry in data["molecules"])
    known = {entry.number for entry in molecules}
    strays = [n for node in nodes for n in node.message.about if n not in known]
    if strays or len(known) != len(molecules):
        raise HistoryError(f"The molecules of this conversation do not fit it ({strays[:3]}).")
    ids = {node.id for node in nodes}
    chosen = {int(p): int(c) for p, c in data["chosen"] if c in ids and (p in ids or p == 0)}
    tree = Tree(nodes, data["head"], chosen)
    if tree.path and tree.path[-1].message.role == "user":  # a question that was never answered
        tree = tree.at(tree.path[-1].parent)
    return StoredConversation(
        id=str(data["id"]),
        title=str(data["title"]),
        created=float(data["created"]),
        updated=float(data["updated"]),
        tree=tree,
        molecules=molecules,
        next_number=max([int(data["next_number"]), *(n + 1 for n in known)]),
    )


def _parsed(entry: NumberedMolecule) -> NumberedMolecule:
    try:
        molecule = Molecule.parse(entry.molecule.smiles, name=entry.molecule.name)
    except AssistantError as error:
        raise HistoryError(f"Molecule {entry.number} cannot be read: {error}") from error
    return replace(entry, molecule=molecule)


def _settled(node: Node) -> Node:
    if node.state != "running":
        return node
    return replace(node, state="failed", reason="This answer was still being written.")


def node_to_json(node: Node) -> dict[str, object]:
    """One message in its place."""
    return {
        "id": node.id,
        "parent": node.parent,
        "state": node.state,
        "reason": node.reason,
        "created": node.created,
        "vote": node.vote,
        "message": message_to_json(node.message),
    }


def node_from_json(data: Mapping[str, object]) -> Node:
    """Reads what `node_to_json` wrote."""
    state, parent = data["state"], data["parent"]
    if state not in STATES:
        raise ValueError(f"no state {state!r}")
    return Node(
        id=int(data["id"]),
        parent=None if parent is None else int(parent),
        message=message_from_json(dict(data["message"])),
        state=state,
        reason=str(data["reason"]),
        created=float(data["created"]),
        vote=str(data["vote"]),
    )


def molecule_to_json(entry: NumberedMolecule) -> dict[str, object]:
    """One numbered molecule."""
    molecule = entry.molecule
    return {
        "number": entry.number,
        "smiles": molecule.smiles,
        "name": molecule.name,
        "role": entry.role,
    }


def molecule_from_json(data: Mapping[str, object]) -> NumberedMolecule:
    """Reads what `molecule_to_json` wrote; the SMILES is taken as canonical."""
    molecule = Molecule(str(data["smiles"]), name=data["name"])
    return NumberedMolecule(int(data["number"]), molecule, data["role"])
