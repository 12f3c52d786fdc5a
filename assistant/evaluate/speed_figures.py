"""The rows of the speed table: what is compared, the bar, the values, the verdict."""

from dataclasses import dataclass

from assistant.evaluate.speed_rows import Pair


@dataclass(frozen=True)
class Figure:
    """A row of the table.

    Attributes:
        id: Its name in the table.
        what: What is compared, ours first.
        unit: Of both values.
        less_is_better: Whether the ratio is other / ours (seconds) or ours / other (rates).
        bar: The ratio to reach; None shows a figure for comparison.
        limits: Values of ours and of the other way that must not be exceeded, in `unit`.
    """

    id: str
    what: str
    unit: str
    less_is_better: bool = False
    bar: float | None = None
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Measured:
    """A row with its values."""

    figure: Figure
    pair: Pair

    @property
    def ratio(self) -> float:
        """How many times better ours is."""
        ours, other = self.pair.ours, self.pair.other
        return other / ours if self.figure.less_is_better else ours / other

    @property
    def reached(self) -> bool:
        """Whether the row is at its bar."""
        figure, pair = self.figure, self.pair
        if figure.limits is not None:
            return pair.ours <= figure.limits[0] and pair.other <= figure.limits[1]
        return figure.bar is None or self.ratio >= figure.bar

    def line(self) -> str:
        """The row as Markdown."""
        figure, pair = self.figure, self.pair
        if figure.limits is not None:
            bar = " / ".join(f"≤ {limit:g}" for limit in figure.limits)
        else:
            bar = "–" if figure.bar is None else f"≥ {figure.bar:g}×"
        values = f"{pair.ours:.4g} | {pair.other:.4g} | {figure.unit}"
        verdict = ("yes" if self.reached else "no") if bar != "–" else "–"
        return f"| {figure.id} | {figure.what} | {values} | {self.ratio:.2f}× | {bar} | {verdict} |"


HEADER = "| id | ours / other | ours | other | unit | ratio | bar | reached |\n" + "|---" * 8 + "|"
