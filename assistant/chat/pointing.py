"""Which molecule a question points at by its place: "the first one", "the other"."""

from assistant.chat.conversation import Conversation

PLACES = ("first", "second", "third", "fourth", "last", "other")


def placed_numbers(place: str, conversation: Conversation) -> tuple[int, ...]:
    """Numbers of the molecules that one of `PLACES` stands for in the last question.

    "The other" is every one but that of the last answer, or, where that is about none or several,
    of the latest question about one.
    """
    known = tuple(molecule.number for molecule in conversation.molecules)
    if place == "other":
        before = _spoken_of(conversation)
        return tuple(number for number in known if number != before)
    at = -1 if place == "last" else PLACES.index(place)
    return known[at:][:1]


def _spoken_of(conversation: Conversation) -> int | None:
    """The molecule that was spoken of before the last question."""
    answers = [m for m in conversation.messages if m.role == "assistant"]
    said = {check.molecule for check in answers[-1].checks} - {None} if answers else set()
    if len(said) == 1:
        return said.pop()
    for turn in range(conversation.n_turns - 2, -1, -1):
        about = conversation.questions[turn].named or conversation.focus(turn)
        if len(about) == 1:
            return about[0]
    return None
