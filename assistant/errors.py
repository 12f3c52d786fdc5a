"""Errors whose text is fit for the person at the page.

AssistantError
├── InvalidMoleculeError      no molecule in the text (position and likely fix attached)
├── InputTooLargeError        over one of the caps of `chem.limits`
├── UnreadableFileError       a file that holds no molecules we can read
├── ChemistryTimeoutError     RDKit work that was killed at its time or memory limit
├── BundleError               a component that is missing, misshaped or of another model
│   └── OtherBundleError      a passport of another bundle than those here
├── PromptTooLongError        a conversation that cannot be made to fit the context
├── AnswerFailedError         the model could not compute this one answer
├── QueueFullError            too many people are waiting
│   └── VisitorLimitError     one person has asked enough for now
├── HistoryError              conversations that cannot be kept, or are not there
└── ModelNotReadyError        the model is still loading, or failed to load

Anything else that is raised is a bug: logged with its traceback and shown as a short apology.
"""


class AssistantError(Exception):
    """Root of all errors whose message may be shown to a person as it is."""


class InvalidMoleculeError(AssistantError):
    """The text holds no molecule.

    Args:
        message: One sentence that names the value and the reason.
        source: The text that was read.
        position: 0-based index of the offending character in `source`, if known.
        fix: A corrected text that does parse, if one was found.
    """

    def __init__(
        self,
        message: str,
        *,
        source: str = "",
        position: int | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message)
        self.source = source
        self.position = position
        self.fix = fix


class InputTooLargeError(AssistantError):
    """The input is over a cap; the message names the cap and the size."""


class UnreadableFileError(AssistantError):
    """The file is empty, binary, too big, or of a kind that is not read."""


class ChemistryTimeoutError(AssistantError):
    """A chemistry task was ended at its time or memory limit."""


class BundleError(AssistantError):
    """A bundle or a component does not hold what its config says."""


class OtherBundleError(BundleError):
    """A passport names a bundle that is not here.

    Args:
        message: One sentence that names the bundle and the remedy.
        name: Name of the bundle that answered.
        sha256: Its digest.
        found: Digests of the bundles that are here, by name.
    """

    def __init__(self, message: str, *, name: str, sha256: str, found: dict[str, str]) -> None:
        super().__init__(message)
        self.name = name
        self.sha256 = sha256
        self.found = found


class PromptTooLongError(AssistantError):
    """The conversation does not fit the model's context."""


class AnswerFailedError(AssistantError):
    """The model could not compute this answer; the others go on."""


class QueueFullError(AssistantError):
    """Too many requests are waiting."""


class VisitorLimitError(QueueFullError):
    """One visitor has too many requests running or waiting, or asked too many within a minute."""


class HistoryError(AssistantError):
    """The history cannot be opened, written, or holds no such conversation."""


class ModelNotReadyError(AssistantError):
    """The model is not loaded (yet)."""
