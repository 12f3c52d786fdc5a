"""Synthetic checkpoints with the published keys at any width, random values."""

import torch
from torch import Tensor

OGB_135 = (119, 4, 12, 12, 10, 6, 6, 2, 2)


def stm_state(
    *, width: int = 16, n_layers: int = 5, chirality_rows: int = 4, prefix: str = ""
) -> dict[str, Tensor]:
    """The keys of MoleculeSTM's `molecule_model.pth`."""
    node = f"{prefix}molecule_node_model."
    rows = [chirality_rows if index == 1 else n for index, n in enumerate(OGB_135)]
    state = {
        f"{node}atom_encoder.atom_embedding_list.{i}.weight": torch.randn(n, width)
        for i, n in enumerate(rows)
    }
    for layer in range(n_layers):
        gin = f"{node}gnns.{layer}."
        state |= {
            f"{gin}eps": torch.randn(1) * 0.1,
            f"{gin}mlp.0.weight": torch.randn(2 * width, width) * width**-0.5,
            f"{gin}mlp.0.bias": torch.randn(2 * width),
            **batch_norm(f"{gin}mlp.1.", 2 * width),
            f"{gin}mlp.3.weight": torch.randn(width, 2 * width) * width**-0.5,
            f"{gin}mlp.3.bias": torch.randn(width),
            **{
                f"{gin}bond_encoder.bond_embedding_list.{i}.weight": torch.randn(n, width)
                for i, n in enumerate((5, 6, 2))
            },
            **batch_norm(f"{node}batch_norms.{layer}.", width),
        }
    return state


def batch_norm(prefix: str, width: int) -> dict[str, Tensor]:
    """A BatchNorm1d with statistics."""
    return {
        f"{prefix}weight": torch.randn(width),
        f"{prefix}bias": torch.randn(width),
        f"{prefix}running_mean": torch.randn(width),
        f"{prefix}running_var": torch.rand(width) + 0.5,
        f"{prefix}num_batches_tracked": torch.tensor(100),
    }
