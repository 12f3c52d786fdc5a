"""What a specialist's directory holds of a number that its language model writes.

specialist/numbers/NAME/config.json          for which language model, and which molecules
specialist/numbers/NAME/encoder, projector   graph tokens
specialist/numbers/NAME/lora                 on the specialist's language model
specialist/numbers/NAME/figures.json, known.csv.gz      what was measured (`assistant.predicted`)
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from assistant.checkpoint import CONFIG, FORMAT_VERSION, read_record, write_json
from assistant.specialist.domain import Domain

_MARGIN = 0.1
"""Of the width of the learned values, on both sides."""
NUMBERS, ENCODER, PROJECTOR, LORA = "numbers", "encoder", "projector", "lora"


def near_the_learned(value: float, lowest: float, highest: float) -> bool:
    """Whether a value is not far outside of the learned ones.

    A digit that slips makes -0.2412 to 20.2412, which nobody should read.
    """
    margin = _MARGIN * (highest - lowest)
    return lowest - margin <= value <= highest + margin


@dataclass(frozen=True)
class NumberInfo:
    """What the directory of a number says of itself.

    Attributes:
        llm: Fingerprint of the language model that it was trained for.
        domain: Which molecules it has learned from.
        lowest, highest: Of the values that it has learned.
    """

    llm: str
    domain: Domain
    lowest: float
    highest: float
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if isinstance(self.domain, Mapping):
            object.__setattr__(self, "domain", Domain(**self.domain))

    def may_be(self, value: float | None) -> bool:
        """Whether a text is a number that can be meant; see `near_the_learned`."""
        return value is not None and near_the_learned(value, self.lowest, self.highest)

    @classmethod
    def read(cls, directory: Path) -> "NumberInfo":
        """Reads it.

        Raises:
            BundleError: The file is missing or is no such record.
        """
        return read_record(directory / CONFIG, cls, "description of a number", "train it again")

    def write(self, directory: Path) -> None:
        """Writes it."""
        write_json(directory / CONFIG, asdict(self))
