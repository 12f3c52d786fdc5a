"""The operations of the step by Triton's kernels, with NF4 products of its own or bitsandbytes'."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import triton
from torch import Tensor, nn

from assistant.llm.graphed import kernels
from assistant.llm.graphed.deltas import LowRankIn, LowRankOut
from assistant.llm.graphed.nf4 import Nf4Matrix
from assistant.llm.graphed.step import Layer, Shape, TorchOps

_PARTS = 16  # of an attention; a short context leaves most of them empty
_TOKENS = 64  # per turn of a part's loop
_OUTPUTS = 256  # per program of what follows somebody else's product
_ROWS = 8  # of a matrix instruction
_RANKS = 2  # entries of u per program


@dataclass(frozen=True)
class Tiling:
    """How the NF4 product is cut.

    Attributes:
        outputs: Outputs per program.
        blocks: Blocks of 64 inputs per turn of its loop, in each piece.
        warps: Warps per program.
        pieces: Pieces in which the inputs are cut.
    """

    outputs: int
    blocks: int
    warps: int
    pieces: int


ONE_ROW = (Tiling(16, 2, 4, 4), Tiling(16, 2, 8, 8))
"""Candidates for a batch of one; the fastest is found by timing the whole step."""

SOME_ROWS = (Tiling(32, 2, 4, 4), Tiling(16, 2, 4, 4))
"""Candidates for several rows."""


class TritonOps(TorchOps):
    """The kernels for norms and attention; products stay with the model's own modules."""

    name = "the model's products"
    _split = False

    def norm(
        self, x: Tensor, norm: nn.Module, low_rank: LowRankIn | None, *, last: bool = False
    ) -> Tensor:
        """Norm and u = A · normed in one kernel."""
        out = torch.empty_like(x)
        split = self._split and not last
        self._norm(x, norm.weight, out, low_rank, norm.variance_epsilon, split=split)
        return out

    def low_rank(self, x: Tensor, low_rank: LowRankIn | None) -> None:
        """Writes u = A x."""
        if low_rank is not None:
            self._norm(x, None, x, low_rank, 0.0, split=self._split)

    def _norm(
        self,
        x: Tensor,
        weight: Tensor | None,
        out: Tensor,
        low_rank: LowRankIn | None,
        eps: float,
        *,
        split: bool,
    ) -> None:
        width = x.shape[1]
        n_ranks = 0 if low_rank is None else low_rank.lora_A.shape[1]
        ranks = _RANKS if width <= 8192 else 1
        n_programs = -(-n_ranks // ranks) + (weight is not None)
        kernels.norm_kernel[(len(x), n_programs)](
            x,
            x if weight is None else weight,
            out,
            x if low_rank is None else low_rank.lora_A,
            x if low_rank is None else low_rank.u,
            0 if low_rank is None else low_rank.u.stride(0),
            n_ranks,
            eps,
            WIDTH=width,
            BLOCK=triton.next_power_of_2(width),
            RANKS=ranks,
            NORM=weight is not None,
            SPLIT=split,
            num_warps=8,
        )

    def product(
        self,
        modules: Sequence[nn.Module],
        x: Tensor,
        low_rank: LowRankOut | None,
        residual: Tensor | None = None,
    ) -> Tensor:
        """The modules' own product, then what is added to it in one kernel."""
        y = self._linear(modules, x)
        if low_rank is None and residual is None:
            return y
        out = torch.empty_like(y)
        n = y.shape[1]
        ends = (*(low_rank.ends if low_rank else ()), n, n)
        kernels.finish_kernel[(len(y), triton.cdiv(n, _OUTPUTS))](
            y,
            *_delta_arguments(low_rank, y),
            y if residual is None else residual,
            out,
            N=n,
            END_0=ends[0],
            END_1=ends[1],
            BN=_OUTPUTS,
            R=0 if low_rank is None else low_rank.lora_B.shape[2],
            DELTA=low_rank is not None,
            RESIDUAL=residual is not None,
            num_warps=4,
        )
        return out

    def gated(self, modules: Sequence[nn.Module], x: Tensor, low_rank: LowRankOut | None) -> Tensor:
        """silu(gate) · up of the modules' own product."""
        y = self.product(modules, x, low_rank)
        n = y.shape[1] // 2
        out = y.new_empty((len(y), n))
        kernels.gate_kernel[(len(y), triton.cdiv(n, _OUTPUTS))](
            y, out, N=n, BN=_OUTPUTS, num_warps=4
        )
        return out

    def attention(self, qkv: Tensor, layer: int) -> Tensor:
        """Attention over the caches whose addresses are among the inputs."""
        shape, n_rows = self.shape, len(qkv)
        parts = qkv.new_empty((n_rows, shape.n_heads, _PARTS, shape.head_dim), dtype=torch.float32)
        weights = qkv.new_empty((n_rows, shape.n_heads, _PARTS, 2), dtype=torch.float32)
        out = qkv.new_empty((n_rows, shape.n_heads * shape.head_dim))
        kernels.attend_kernel[(n_rows, shape.n_kv, _PARTS)](
            qkv,
            self.inputs,
            shape.cos,
            shape.sin,
            parts,
            weights,
            shape.scale,
            layer,
            n_rows,
            LAYERS=shape.n_layers,
            HEADS=shape.n_heads,
            KV=shape.n_kv,
            D=shape.head_dim,
            GROUP=shape.n_heads // shape.n_kv,
            PARTS=_PARTS,
            BT=_TOKENS,
            num_warps=4,
        )
        kernels.join_kernel[(n_rows, shape.n_heads)](
            parts,
            weights,
            out,
            HEADS=shape.n_heads,
            D=shape.head_dim,
            PARTS=_PARTS,
            SPLIT=self._split,
            num_warps=2,
        )
        return out


class Nf4Ops(TritonOps):
    """All of it by our kernels.

    Args:
        shape: Sizes.
        layers: The weights.
        matrices: The joined NF4 matrices by the identity of a layer's list of modules.
        tiling: How products are cut.
    """

    _split = True
    _ptx = True  # Triton's interpreter knows none

    def __init__(
        self,
        shape: Shape,
        layers: Sequence[Layer],
        matrices: dict[int, Nf4Matrix],
        tiling: Tiling,
    ) -> None:
        super().__init__(shape, layers)
        self._matrices = matrices
        self._tiling = tiling
        self.name = f"NF4 kernel {tiling}"

    def product(
        self,
        modules: Sequence[nn.Module],
        x: Tensor,
        low_rank: LowRankOut | None,
        residual: Tensor | None = None,
    ) -> Tensor:
        """W x + B u + residual in one kernel."""
        matrix = self._matrices[id(modules)]
        n = matrix.out_features
        out = x.new_empty((len(x), n))
        ends = (*matrix.ends, n, n)
        kernels.product_kernel[(n // self._outputs(n),)](
            x,
            matrix.packed,
            matrix.scales,
            matrix.code,
            *_delta_arguments(low_rank, x),
            x if residual is None else residual,
            out,
            len(x),
            K=matrix.in_features,
            N=n,
            END_0=ends[0],
            END_1=ends[1],
            RESIDUAL=residual is not None,
            **self._constants(matrix, n, len(x), low_rank),
        )
        return out

    def gated(self, modules: Sequence[nn.Module], x: Tensor, low_rank: LowRankOut | None) -> Tensor:
        """silu(gate) · up in one kernel."""
        matrix = self._matrices[id(modules)]
        n = matrix.out_features // 2
        out = x.new_empty((len(x), n))
        kernels.gated_kernel[(n // self._outputs(n),)](
            x,
            matrix.packed,
            matrix.scales,
            matrix.code,
            *_delta_arguments(low_rank, x),
            out,
            len(x),
            K=matrix.in_features,
            N=n,
            **self._constants(matrix, n, len(x), low_rank),
        )
        return out

    def _outputs(self, n: int) -> int:
        return min(self._tiling.outputs, n & -n)

    def _constants(
        self, matrix: Nf4Matrix, n: int, n_rows: int, low_rank: LowRankOut | None
    ) -> dict[str, int | bool]:
        n_blocks = matrix.in_features // 64
        pieces = min(self._tiling.pieces, n_blocks & -n_blocks)
        n_blocks //= pieces
        rank = 0
        if low_rank is not None:
            rank = low_rank.lora_B.shape[2]
        return {
            "BN": self._outputs(n),
            "BM": _ROWS,
            "BLOCKS": min(self._tiling.blocks, n_blocks & -n_blocks),
            "R": rank,
            "DELTA": low_rank is not None,
            "PIECES": pieces,
            "PTX": self._ptx,
            "num_warps": self._tiling.warps,
        }


def _delta_arguments(low_rank: LowRankOut | None, x: Tensor) -> tuple[Tensor, int, Tensor]:
    if low_rank is None:
        return x, 0, x
    return low_rank.u, low_rank.u.stride(0), low_rank.lora_B
