"""ΔW of a step in buffers that stay where they are: row i of each is that of row i of the batch.

    x (b, in) ─► lora_A (b, sites · r, in) ─► u (b, sites · r) ─► lora_B (b, out, r) ─► + y

A graph replays fixed addresses, so a molecule's weights are copied to its row once, when the row
gets another molecule, and ranks are padded to one. Sites that read the same input lie side by side;
so do the two that write into the output of the MLP (its last projection and the branch beside it).
A row without ΔW holds zeros.

A ΔW has some hundred parts, and calling a copy takes longer than the copy: parts are copied by one
call for all of them, and a molecule that is in another row already changes places with the one that
is in its way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from assistant.adapters.packed import SiteGroup
from assistant.adapters.weights import LoraWeights

_LEAST_RANK = 8
_UNKNOWN = "?"  # no hash
_GROUPS_PER_LAYER = 5  # q k v, o, gate and up, down, the branch beside the MLP


@dataclass(frozen=True)
class LowRankIn:
    """What is computed of an input: u = A x.

    Attributes:
        lora_A: (b, rows, in).
        u: (b, rows) float32, a part of the step's buffer.
    """

    lora_A: Tensor
    u: Tensor


@dataclass(frozen=True)
class LowRankOut:
    """What is added to an output: B u, each part of the output with its own columns of u.

    Attributes:
        u: (b, sites · r) float32.
        lora_B: (b, out, r), with LoRA's scaling in it.
        ends: Where the parts of the output end.
    """

    u: Tensor
    lora_B: Tensor
    ends: tuple[int, ...]


@dataclass(frozen=True)
class LayerDeltas:
    """The ΔW of one layer by place; None where there is none."""

    qkv_in: LowRankIn | None = None
    qkv_out: LowRankOut | None = None
    o_in: LowRankIn | None = None
    o_out: LowRankOut | None = None
    inner_in: LowRankIn | None = None
    gate_up_out: LowRankOut | None = None
    down_in: LowRankIn | None = None
    down_out: LowRankOut | None = None


@dataclass(frozen=True)
class DeltaLayout:
    """Which sites have buffers, and their padded rank."""

    sites: frozenset[str]
    rank: int

    @classmethod
    def of(cls, deltas: Iterable[LoraWeights]) -> "DeltaLayout":
        """The smallest that holds these ΔW."""
        parts = {name: part for delta in deltas for name, part in delta.items()}
        ranks = [part.rank for delta in deltas for part in delta.values()]
        rank = max([_LEAST_RANK, *ranks])
        return cls(frozenset(parts), 1 << (rank - 1).bit_length())

    def __or__(self, other: "DeltaLayout") -> "DeltaLayout":
        """The smallest that holds what either holds."""
        return DeltaLayout(self.sites | other.sites, max(self.rank, other.rank))


class DeltaBuffers:
    """Static ΔW buffers for up to `n_rows` rows.

    Args:
        groups: Where the model takes ΔW, in the order of `llama.site_groups`.
        layout: What they must hold.
        n_rows: Rows of the largest batch.
        like: Gives device and type.
    """

    def __init__(
        self, groups: Sequence[SiteGroup], layout: DeltaLayout, n_rows: int, like: Tensor
    ) -> None:
        self.layout = layout
        self._held: list[str | None] = [None] * n_rows
        self._used = [0] * n_rows  # number of the arrangement that used the row last
        self._n_arranged = 0
        self._like = like
        self._stores: list[Tensor] = []
        self._places: dict[str, tuple[tuple[Tensor, ...], tuple[Tensor, ...]]] = {}  # per row
        n_layers = len(groups) // _GROUPS_PER_LAYER
        self.layers = [
            self._layer(groups[i * _GROUPS_PER_LAYER : (i + 1) * _GROUPS_PER_LAYER], n_rows)
            for i in range(n_layers)
        ]
        self._rows = [[store[row] for store in self._stores] for row in range(n_rows)]

    def _layer(self, groups: Sequence[SiteGroup], n_rows: int) -> LayerDeltas:
        rank = self.layout.rank
        used = [any(name in self.layout.sites for name in group.names) for group in groups]
        counts = [len(g.names) if on else 0 for g, on in zip(groups, used, strict=True)]
        qkv, o, gate_up, down, mlp = groups
        # The columns of u in the order qkv, o, gate and up, mlp, down: what is read or written
        # together lies together.
        n_qkv, n_o, n_gate_up, n_down, n_mlp = (count * rank for count in counts)
        u = self._like.new_zeros(
            (n_rows, n_qkv + n_o + n_gate_up + n_mlp + n_down), dtype=torch.float32
        )
        u_qkv, u_o, u_gate_up, _, u_down = u.split([n_qkv, n_o, n_gate_up, n_mlp, n_down], dim=1)
        u_inner = u[:, n_qkv + n_o : n_qkv + n_o + n_gate_up + n_mlp]
        u_written = u[:, n_qkv + n_o + n_gate_up :]
        qkv_in, o_in = self._input(u_qkv, qkv), self._input(u_o, o)
        inner_in, down_in = self._input(u_inner, gate_up), self._input(u_down, down)
        qkv_out, o_out = self._output(u_qkv, [qkv], used[:1]), self._output(u_o, [o], used[1:2])
        gate_up_out = self._output(u_gate_up, [gate_up], used[2:3])
        down_out = self._output(u_written, [mlp, down], [used[4], used[3]])
        self._note(qkv, qkv_in, qkv_out)
        self._note(o, o_in, o_out)
        self._note(gate_up, inner_in, gate_up_out)
        self._note(mlp, inner_in, down_out, first_row=n_gate_up)
        self._note(down, down_in, down_out, first_column=n_mlp)
        return LayerDeltas(qkv_in, qkv_out, o_in, o_out, inner_in, gate_up_out, down_in, down_out)

    def _input(self, u: Tensor, group: SiteGroup) -> LowRankIn | None:
        if not u.shape[1]:
            return None
        return LowRankIn(self._store((*u.shape, group.in_features)), u)

    def _output(
        self, u: Tensor, groups: Sequence[SiteGroup], used: Sequence[bool]
    ) -> LowRankOut | None:
        if not any(used):
            return None
        widths = groups[0].widths
        rank = self.layout.rank * sum(used)
        lora_B = self._store((len(u), sum(widths), rank))
        return LowRankOut(u, lora_B, tuple(sum(widths[: i + 1]) for i in range(len(widths))))

    def _store(self, shape: tuple[int, ...]) -> Tensor:
        self._stores.append(self._like.new_zeros(shape))
        return self._stores[-1]

    def _note(
        self,
        group: SiteGroup,
        taken: LowRankIn | None,
        given: LowRankOut | None,
        *,
        first_row: int = 0,
        first_column: int = 0,
    ) -> None:
        rank = self.layout.rank
        if taken is None or given is None or not self.layout.sites.intersection(group.names):
            return
        for index, (name, span) in enumerate(group.spans):
            row = first_row + index * rank
            lora_A = taken.lora_A[:, row : row + rank]
            lora_B = given.lora_B[:, span, first_column : first_column + rank]
            self._places[name] = (lora_A.unbind(), lora_B.unbind())

    def holds(self, content: str | None) -> bool:
        """Whether a row has this ΔW."""
        return content in self._held

    def arrange(
        self, wanted: Sequence[tuple[str | None, LoraWeights | None]], n_rows: int
    ) -> list[int]:
        """Brings each ΔW into a row of a batch, with as few copies as there can be.

        Args:
            wanted: Hash of a ΔW and the ΔW itself, or twice None.
            n_rows: Rows of the batch.

        Returns:
            The row of each, among the first `n_rows`.
        """
        self._n_arranged += 1
        free = list(range(n_rows))
        places: dict[int, int] = {}
        for index, (content, _) in enumerate(wanted):  # first who is there: nobody takes their row
            place = next((row for row in free if self._held[row] == content), None)
            if place is not None:
                free.remove(place)
                places[index] = place
        for index, (content, delta) in enumerate(wanted):
            if index not in places:
                places[index] = min(free, key=self._used.__getitem__)
                free.remove(places[index])
                self._bring(places[index], content, delta, n_rows)
        for place in places.values():
            self._used[place] = self._n_arranged
        return [places[index] for index in range(len(wanted))]

    def _bring(self, row: int, content: str | None, delta: LoraWeights | None, n_rows: int) -> None:
        """Puts a ΔW into a row, from behind the batch where it is there."""
        behind = range(n_rows, len(self._held))
        other = next((place for place in behind if self._held[place] == content), None)
        before, self._held[row] = self._held[row], _UNKNOWN  # for when memory runs out on the way
        if other is None:
            self._load(row, delta)
            self._held[row] = content
            return
        self._held[other] = _UNKNOWN
        here, there = self._rows[row], self._rows[other]
        kept = [torch.empty_like(part) for part in here]
        torch._foreach_copy_(kept, here)
        torch._foreach_copy_(here, there)
        torch._foreach_copy_(there, kept)
        self._held[row], self._held[other] = content, before
        self._used[other] = self._used[row]

    def _load(self, row: int, delta: LoraWeights | None) -> None:
        """Copies a ΔW to a row; what it lacks of sites and ranks becomes zero."""
        torch._foreach_zero_(self._rows[row])
        parts = [(self._places[name], part) for name, part in (delta or {}).items()]
        if not parts:
            return
        torch._foreach_copy_(
            [lora_A[row][: part.rank] for (lora_A, _), part in parts],
            [part.lora_A for _, part in parts],
        )
        scaled = torch._foreach_mul(
            [part.lora_B for _, part in parts], [part.scaling for _, part in parts]
        )
        torch._foreach_copy_([lora_B[row][:, : part.rank] for (_, lora_B), part in parts], scaled)

    def first_rows(self, n_rows: int) -> list[LayerDeltas]:
        """The same buffers as a smaller batch sees them."""
        return [_first(layer, n_rows) for layer in self.layers]


def _first(layer: LayerDeltas, n_rows: int) -> LayerDeltas:
    def taken(part: LowRankIn | None) -> LowRankIn | None:
        return part and LowRankIn(part.lora_A[:n_rows], part.u[:n_rows])

    def given(part: LowRankOut | None) -> LowRankOut | None:
        return part and LowRankOut(part.u[:n_rows], part.lora_B[:n_rows], part.ends)

    return LayerDeltas(
        taken(layer.qkv_in),
        given(layer.qkv_out),
        taken(layer.o_in),
        given(layer.o_out),
        taken(layer.inner_in),
        given(layer.gate_up_out),
        taken(layer.down_in),
        given(layer.down_out),
    )
