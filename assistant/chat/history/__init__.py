"""Conversations with their branches, kept per visitor in SQLite."""

from assistant.chat.history.lists import MoleculeGroup, Summary
from assistant.chat.history.store import History, Place
from assistant.chat.history.tree import Node, StoredConversation, Tree

__all__ = ["History", "MoleculeGroup", "Node", "Place", "StoredConversation", "Summary", "Tree"]
