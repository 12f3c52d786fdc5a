"""Products that read the same input as one, which saves dispatch and reads the input once.

On a processor a float matrix may be kept once more in the order of oneDNN's own products: a few
tokens then take half the time or less, since nothing is put in order for each product. Matrices of
16 bit are read twice as fast as those of 32; with `wide` activations only a product's input and its
output are rounded to 16 bit, and everything between two products is computed in 32.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from assistant.adapters.lora import AdaptedLinear
from assistant.llm.plan import PLAIN, ProductPlan

_ROWS_IN_MIND = 8  # tokens oneDNN chooses the order for


def can_prepack(dtype: torch.dtype) -> bool:
    """Whether this build and processor multiply with matrices in oneDNN's own order."""
    if dtype not in (torch.float32, torch.bfloat16) or not torch.backends.mkldnn.is_available():
        return False
    operations = torch.ops.mkldnn
    if not all(hasattr(operations, n) for n in ("_linear_pointwise", "_reorder_linear_weight")):
        return False
    return dtype == torch.float32 or bool(operations._is_mkldnn_bf16_supported())


def prepacked(weight: Tensor) -> Tensor:
    """A matrix (out, in) in oneDNN's order, for `packed_product`."""
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _ROWS_IN_MIND)


def packed_product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Outputs (n, out) for x (n, in) of the matrix's type."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


def activation_type(plan: ProductPlan, dtype: torch.dtype) -> torch.dtype:
    """The type of what is computed between two products, keys and values included.

    Args:
        plan: How float matrices are multiplied with.
        dtype: Of the model.
    """
    return torch.float32 if plan.wide else dtype


class Product:
    """One or several linear maps of the same input, their outputs side by side.

    Args:
        modules: Linear layers of any kind. Float weights are joined into one matrix; 4- and 8-bit
            ones stay as they are and are called one after the other.
        plan: How float matrices are multiplied with.
        exact: Multiplies in the activations' own 32 bit where the plan keeps them wide.
    """

    def __init__(
        self, modules: Sequence[nn.Module], plan: ProductPlan = PLAIN, *, exact: bool = False
    ) -> None:
        bare = [m.base if isinstance(m, AdaptedLinear) else m for m in modules]
        self._modules = bare
        self._weight: Tensor | None = None  # (in, sum of widths), where one is multiplied with
        self._bias: Tensor | None = None
        self._packed: Tensor | None = None
        self._packed_from = 0
        self._narrow: torch.dtype | None = None  # of the matrix, where the activations are wider
        biases = [getattr(module, "bias", None) for module in bare]
        all_or_none = len({bias is None for bias in biases}) == 1
        self._is_float = all_or_none and all(type(module) is nn.Linear for module in bare)
        if self._is_float:
            if biases[0] is not None:
                self._bias = torch.cat(biases)
            self._follow(_joined([m.weight for m in bare]).t(), plan, exact=exact)

    def _follow(self, weight: Tensor, plan: ProductPlan, *, exact: bool) -> None:
        if plan.wide and exact:
            weight = weight.float()
            self._bias = None if self._bias is None else self._bias.float()
        elif plan.wide and weight.dtype != torch.float32:
            self._narrow = weight.dtype
        if plan.packed_from is not None:
            self._packed, self._packed_from = prepacked(weight.t()), plan.packed_from
        if plan.packed_from != 1:  # else a copy that was made here would never be read
            self._weight = weight

    @property
    def is_float(self) -> bool:
        """Whether it is one product with a float matrix."""
        return self._is_float

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs (n, sum of widths) for x (n, in)."""
        if self._is_float:
            if self._narrow is not None:
                return self._product(x.to(self._narrow)).float()
            return self._product(x)
        if len(self._modules) == 1:
            return self._modules[0](x)
        return torch.cat([module(x) for module in self._modules], dim=-1)

    def added_to(self, y: Tensor, x: Tensor) -> Tensor:
        """`y` plus the outputs, as few operations as the weights allow."""
        if not self._is_float:
            return y + self(x)
        if self._narrow is not None:
            return y + self._product(x.to(self._narrow))  # the sum is in the wider type
        if self._bias is None and not self._is_packed_for(x):
            return torch.addmm(y, x, self._weight)
        return y + self._product(x)

    def _is_packed_for(self, x: Tensor) -> bool:
        return self._weight is None or (self._packed is not None and len(x) >= self._packed_from)

    def _product(self, x: Tensor) -> Tensor:
        if self._is_packed_for(x):
            return packed_product(x, self._packed, self._bias)
        if self._bias is None:
            return torch.mm(x, self._weight)
        return torch.addmm(self._bias, x, self._weight)


def _joined(weights: Sequence[nn.Parameter]) -> Tensor:
    """The matrices one above the other; the parameters become views of it, so that memory stays."""
    if len(weights) == 1:
        return weights[0].data
    first, n_rows = weights[0].data, sum(len(weight) for weight in weights)
    if not _one_above_the_other(weights):
        by_columns = all(weight.stride(0) == 1 < weight.stride(1) for weight in weights)
        if by_columns:  # stays so
            joined = torch.cat([weight.data.t() for weight in weights], dim=1).t()
        else:
            joined = torch.cat([weight.data for weight in weights])
        for weight, part in zip(weights, joined.split([len(w) for w in weights]), strict=True):
            weight.data = part
        return joined
    return first.as_strided((n_rows, first.shape[1]), first.stride(), first.storage_offset())


def _one_above_the_other(weights: Sequence[nn.Parameter]) -> bool:
    """Whether the matrices are neighbouring views already, from an earlier join."""
    first = weights[0]
    offset = first.storage_offset()
    for weight in weights:
        if (
            weight.untyped_storage().data_ptr() != first.untyped_storage().data_ptr()
            or weight.storage_offset() != offset
            or weight.stride() != first.stride()
        ):
            return False
        offset += len(weight) * weight.stride(0)
    return True
