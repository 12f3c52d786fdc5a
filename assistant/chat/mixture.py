"""How an answer was mixed from LoRA experts, as plain values for the page and the passport."""

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class ExpertScalings:
    """The experts' weights in an answer (X-LoRA's scalings), averaged over its tokens.

    Attributes:
        mode: "exact" for scalings of every token, "turn" for those of the question.
        experts: Names of the experts.
        layers: Names of the adapted layers, in the LLM's order.
        mean: Per layer a weight per expert.
    """

    mode: Literal["exact", "turn"]
    experts: tuple[str, ...]
    layers: tuple[str, ...]
    mean: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.mean}
        if len(self.mean) != len(self.layers) or widths - {len(self.experts)}:
            raise ValueError(
                f"{len(self.mean)} rows of {sorted(widths)} weights do not go with"
                f" {len(self.layers)} layers and {len(self.experts)} experts"
            )

    def per_expert(self) -> dict[str, float]:
        """The mean over the layers, by expert."""
        return {
            name: sum(row[place] for row in self.mean) / len(self.mean)
            for place, name in enumerate(self.experts)
        }

    def to_json(self) -> dict[str, object]:
        """JSON types only."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, object]) -> "ExpertScalings":
        """Reads what `to_json` wrote."""
        mean = tuple(tuple(row) for row in data["mean"])
        return cls(data["mode"], tuple(data["experts"]), tuple(data["layers"]), mean)
