"""Products that read the same input as one, which saves dispatch and reads the input once."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from assistant.adapters.lora import AdaptedLinear


class Product:
    """One or several linear maps of the same input, their outputs side by side.

    Args:
        modules: Linear layers of any kind. Float weights are joined into one matrix; 4- and 8-bit
            ones stay as they are and are called one after the other.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        bare = [m.base if isinstance(m, AdaptedLinear) else m for m in modules]
        self._modules = bare
        self._weight: Tensor | None = None  # (in, sum of widths)
        self._bias: Tensor | None = None
        if all(type(module) is nn.Linear for module in bare):
            biases = [module.bias for module in bare]
            if all(bias is None for bias in biases) or all(bias is not None for bias in biases):
                self._weight = _joined([module.weight for module in bare]).t()
            if all(bias is not None for bias in biases):
                self._bias = torch.cat(biases)

    @property
    def is_float(self) -> bool:
        """Whether it is one product with a float matrix."""
        return self._weight is not None

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs (n, sum of widths) for x (n, in)."""
        if self._weight is not None:
            if self._bias is None:
                return torch.mm(x, self._weight)
            return torch.addmm(self._bias, x, self._weight)
        if len(self._modules) == 1:
            return self._modules[0](x)
        return torch.cat([module(x) for module in self._modules], dim=-1)

    def added_to(self, y: Tensor, x: Tensor) -> Tensor:
        """`y` plus the outputs, as one operation where the weights are float."""
        if self._weight is not None and self._bias is None:
            return torch.addmm(y, x, self._weight)
        return y + self(x)


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
