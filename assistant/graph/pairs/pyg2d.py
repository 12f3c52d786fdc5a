"""2D encoders made of PyTorch Geometric's layers. Importing this module imports PyG (2 s).

mpnn       h_i' = GRU(W h_i + mean_j NN(e_ij) h_j, h_i)             Gilmer et al. 2017
neuralfp   h_i' = sigmoid(W_deg(i) h_i + V_deg(i) sum_j h_j),       Duvenaud et al. 2015
           out_i = sum over layers of softmax(U h_i)                (bonds are not read)
"""

import torch
from torch import Tensor, nn
from torch_geometric.nn import NeuralFingerprint, NNConv

from assistant.graph.encoder import ATOM_CLASSES, BOND_CLASSES, ColumnEmbedding, GraphBatch

_D_BOND = 16


class MPNN(nn.Module):
    """Message passing whose bond network writes a matrix; one layer, run `n_layers` times."""

    def __init__(self, d_model: int, n_layers: int) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.embed_atoms = ColumnEmbedding(ATOM_CLASSES, d_model)
        self.embed_bonds = ColumnEmbedding(BOND_CLASSES, _D_BOND)
        network = nn.Sequential(nn.ReLU(), nn.Linear(_D_BOND, d_model * d_model))
        self.convolution = NNConv(d_model, d_model, network, aggr="mean")
        self.memory = nn.GRUCell(d_model, d_model)

    def forward(self, graph: GraphBatch) -> Tensor:
        """Atom states (atoms, d)."""
        h = torch.relu(self.embed_atoms(graph.x))
        bonds = self.embed_bonds(graph.edge_attr)
        for _ in range(self.n_layers):
            h = self.memory(torch.relu(self.convolution(h, graph.edge_index, bonds)), h)
        return h


class NeuralFP(nn.Module):
    """What each atom adds to the neural fingerprint."""

    def __init__(self, d_model: int, n_layers: int) -> None:
        super().__init__()
        self.embed_atoms = ColumnEmbedding(ATOM_CLASSES, d_model)
        self.fingerprint = NeuralFingerprint(d_model, d_model, d_model, n_layers)

    def forward(self, graph: GraphBatch) -> Tensor:
        """Atom states (atoms, d)."""
        h = self.embed_atoms(graph.x)
        parts = []
        for convolution, linear in zip(self.fingerprint.convs, self.fingerprint.lins, strict=True):
            h = convolution(h, graph.edge_index).sigmoid()
            parts.append(linear(h).softmax(dim=-1))
        return torch.stack(parts).sum(dim=0)
