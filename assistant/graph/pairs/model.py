"""The pair model: two molecules with roles in, k interaction tokens of the LLM's width out.

    molecule ─┬► 2D encoder ─► atoms, mean ─────────┐ + role, kind
              ├► 3D encoder ─► mean per conformer ──┴─► nodes ─► alignment ─┐
              │                 └─ conformer graph ─┘ (of both)             ├─ + ─► x (k, d)
              └► 1D encoder ─► one state ─► k tokens ───────────────────────┘
    x1, x2 ─► interaction ─► LayerNorm, Linear ─► tokens (k, d_llm)

ModuLM (Chen et al. 2025, arXiv 2506.00880): each box is chosen by name. The published 1D view is
the LLM's own SMILES text; where no LLM reads along, views of numbers (`encoders1d`) take its place
and join after the alignment: in a mean over nodes they would drown. Where the task is symmetric the
interaction is ½ (I(x1, x2) + I(x2, x1)), so that the order cannot matter; elsewhere each molecule
carries its role from the start.
Interaction happens at the pair model's own width and is projected to the LLM's at the end (the
published order is the reverse, which puts d_llm³ weights into the bilinear fusion).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from assistant.chem.pairs import PAIR_ROLES, PairTask
from assistant.graph.encoder import MolecularGraph, collate
from assistant.graph.pairs.alignment import AlignmentConfig, build_alignment, check_alignment
from assistant.graph.pairs.conformer_graph import ConformerGraph, check_conformer_graph
from assistant.graph.pairs.encoders1d import Encoder1DConfig, ViewEncoder
from assistant.graph.pairs.encoders2d import ENCODERS_2D, Encoder2DConfig
from assistant.graph.pairs.encoders3d import ENCODERS_3D, Encoder3DConfig
from assistant.graph.pairs.graph_ops import scatter_mean, to_dense
from assistant.graph.pairs.interactions import (
    InteractionConfig,
    build_interaction,
    check_interaction,
)
from assistant.graph.pairs.passes import passes


@dataclass(frozen=True)
class PairConfig:
    """A pair model.

    Attributes:
        d_llm: Width of the language model.
        d_model: Width of alignment and interaction.
        encoder_2d: The 2D encoder, or None.
        encoder_3d: The 3D encoder, or None.
        conformer_graph: Let the conformers of both molecules exchange messages (3D), with the
            interaction's number of heads.
        n_conformers: Conformers asked for per molecule (3D).
        roles: Roles with an embedding, in order.
        encoder_1d: The encoder of views, or None.
    """

    d_llm: int
    d_model: int = 128
    encoder_2d: Encoder2DConfig | None = field(default_factory=Encoder2DConfig)
    encoder_3d: Encoder3DConfig | None = None
    conformer_graph: bool = False
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    interaction: InteractionConfig = field(default_factory=InteractionConfig)
    n_conformers: int = 20
    roles: tuple[str, ...] = PAIR_ROLES
    encoder_1d: Encoder1DConfig | None = None

    def __post_init__(self) -> None:
        self._from_json("encoder_2d", Encoder2DConfig)
        self._from_json("encoder_3d", Encoder3DConfig)
        self._from_json("encoder_1d", Encoder1DConfig)
        self._from_json("alignment", AlignmentConfig)
        self._from_json("interaction", InteractionConfig)
        object.__setattr__(self, "roles", tuple(self.roles))
        if min(self.d_llm, self.d_model, self.n_conformers) < 1:
            raise ValueError(
                f"d_llm {self.d_llm}, d_model {self.d_model} and n_conformers {self.n_conformers}"
                " must be positive"
            )
        if self.encoder_2d is None and self.encoder_3d is None and self.encoder_1d is None:
            raise ValueError(
                "a pair model needs an encoder: encoder_2d None and encoder_3d None leave it blind"
                " without encoder_1d"
            )
        if self.conformer_graph and self.encoder_3d is None:
            raise ValueError("conformer_graph True needs conformers, but encoder_3d is None")
        check_alignment(self.alignment, self.d_model)
        check_interaction(self.interaction, self.d_model)
        if self.conformer_graph:
            check_conformer_graph(self.d_model, self.interaction.n_heads)

    def _from_json(self, name: str, config_type: type) -> None:
        value = getattr(self, name)
        if isinstance(value, Mapping):
            object.__setattr__(self, name, config_type(**value))

    @property
    def n_tokens(self) -> int:
        """Interaction tokens per pair."""
        return self.alignment.n_tokens


@dataclass(frozen=True)
class MoleculeTensors:
    """One molecule as the pair model reads it.

    Attributes:
        graph: The OGB graph of n atoms.
        positions: Conformers (c, n, 3) in Å, in the graph's atom order; None when there is no 3D.
        views: Rows of numbers (f,) by the name of the view; what a model without a 1D encoder
            does not ask for.
    """

    graph: MolecularGraph
    positions: Tensor | None = None
    views: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n_atoms = self.graph.x.shape[0]
        if self.positions is not None and (
            self.positions.dim() != 3 or self.positions.shape[1:] != (n_atoms, 3)
        ):
            raise ValueError(
                f"positions {tuple(self.positions.shape)} do not fit {n_atoms} atoms: (c, n, 3)"
            )

    @property
    def has_shape(self) -> bool:
        """Whether there is at least one conformer."""
        return self.positions is not None and self.positions.shape[0] > 0

    def row(self, names: Sequence[str]) -> Tensor:
        """These views one after the other, (f,).

        Raises:
            ValueError: One of them is not there.
        """
        missing = sorted(set(names) - set(self.views))
        if missing:
            raise ValueError(f"a molecule has no view {', '.join(missing)}, which the model reads")
        return torch.cat([self.views[name] for name in names])


@dataclass(frozen=True)
class PairTensors:
    """Two molecules in the order of the task's roles."""

    first: MoleculeTensors
    second: MoleculeTensors
    task: PairTask


class PairModel(nn.Module):
    """Interaction tokens of pairs."""

    def __init__(self, config: PairConfig) -> None:
        super().__init__()
        self.config = config
        d_model = config.d_model
        self.encoder_1d = self.encoder_2d = self.encoder_3d = self.conformer_graph = None
        if config.encoder_2d is not None:
            self.encoder_2d = ENCODERS_2D[config.encoder_2d.kind](config.encoder_2d)
            self.project_2d = _project(config.encoder_2d.d_model, d_model)
        if config.encoder_3d is not None:
            self.encoder_3d = ENCODERS_3D[config.encoder_3d.kind](config.encoder_3d)
            self.project_3d = _project(config.encoder_3d.d_model, d_model)
        if config.conformer_graph:
            self.conformer_graph = ConformerGraph(d_model, config.interaction.n_heads)
        if self.encoder_2d is not None or self.encoder_3d is not None:
            self.roles = nn.Parameter(torch.randn(len(config.roles), d_model) * 0.2)
            self.kinds = nn.Parameter(torch.randn(3, d_model) * 0.2)  # atom, their mean, conformer
            self.alignment = build_alignment(config.alignment, d_model)
        if config.encoder_1d is not None:
            self.encoder_1d = ViewEncoder(config.encoder_1d, len(config.roles))
            self.project_1d = nn.Linear(config.encoder_1d.d_model, config.n_tokens * d_model)
        self.interaction = build_interaction(config.interaction, d_model)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, config.d_llm)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)

    def forward(self, pairs: Sequence[PairTensors]) -> Tensor:
        """Interaction tokens, (p, k, d_llm).

        Raises:
            ValueError: A molecule has nothing the model could read (no 3D for a 3D model, no view
                for a model of views), or a task has a role the model does not know.
        """
        n_pairs = len(pairs)
        molecules = [*(pair.first for pair in pairs), *(pair.second for pair in pairs)]
        names = [pair.task.roles[side] for side in (0, 1) for pair in pairs]
        x = self.blocks(molecules, names)  # (2 p, k, d)
        either = torch.tensor([pair.task.is_symmetric for pair in pairs], device=x.device)
        return self.mix(x[:n_pairs], x[n_pairs:], either)

    def blocks(self, molecules: Sequence[MoleculeTensors], roles: Sequence[str]) -> Tensor:
        """What the interaction reads of each molecule in its role, (m, k, d).

        A molecule in many pairs is encoded once; with a conformer graph, where the two molecules of
        a pair see each other, the second half are the partners of the first.

        Raises:
            ValueError: As `forward`.
        """
        parts = []
        if self.encoder_2d is not None or self.encoder_3d is not None:
            parts.append(self.aligned(molecules, roles))
        if self.encoder_1d is not None:
            parts.append(self._tokens_1d(molecules, self._places(roles)))
        return sum(parts[1:], start=parts[0])

    def _tokens_1d(self, molecules: Sequence[MoleculeTensors], roles: Tensor) -> Tensor:
        """Tokens of the views, (m, k, d)."""
        views = self.encoder_1d.standard.views
        rows = torch.stack([molecule.row(views) for molecule in molecules]).to(roles.device)
        states = self.project_1d(self.encoder_1d(rows, roles))
        return states.unflatten(1, (self.config.n_tokens, self.config.d_model))

    def aligned(self, molecules: Sequence[MoleculeTensors], roles: Sequence[str]) -> Tensor:
        """Tokens of atoms and conformers alone, (m, k, d).

        Raises:
            ValueError: As `forward`.
        """
        rows = self.roles[self._places(roles)]  # (m, d)
        parts = []
        if self.encoder_2d is not None:
            parts.append(self._nodes_2d(molecules, rows))
        if self.encoder_3d is not None:
            parts.append(self._nodes_3d(molecules, rows))
        nodes = torch.cat([part for part, _ in parts], dim=1)  # (m, n, d)
        mask = torch.cat([part for _, part in parts], dim=1)
        if not bool(mask.any(dim=1).all()):
            raise ValueError("a molecule without conformers cannot be read by a 3D-only pair model")
        return self.alignment(nodes, mask)

    def mix(self, x1: Tensor, x2: Tensor, either: Tensor) -> Tensor:
        """Interaction tokens (p, k, d_llm) of two blocks (p, k, d).

        Args:
            x1: Blocks of the first molecules.
            x2: Blocks of the second molecules.
            either: Whether the order of a pair does not matter, (p,) bool.
        """
        return self.out(self.norm(self._interact(x1, x2, either)))

    def _interact(self, x1: Tensor, x2: Tensor, either: Tensor) -> Tensor:
        mixed = self.interaction(x1, x2)
        if not bool(either.any()):
            return mixed
        both = (mixed + self.interaction(x2, x1)) / 2
        return torch.where(either[:, None, None], both, mixed)

    def _places(self, names: Sequence[str]) -> Tensor:
        """Places of roles, (m,)."""
        unknown = sorted(set(names) - set(self.config.roles))
        if unknown:
            raise ValueError(
                f"the pair model knows no role {', '.join(unknown)}, only"
                f" {', '.join(self.config.roles)}"
            )
        places = [self.config.roles.index(name) for name in names]
        return torch.tensor(places, device=self.out.weight.device)

    def _nodes_2d(
        self, molecules: Sequence[MoleculeTensors], roles: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The mean and the atoms of each molecule, (2 p, 1 + n, d), and their mask."""
        graph = collate([molecule.graph for molecule in molecules]).to(roles.device)
        atoms = self.project_2d(self.encoder_2d(graph))
        n_molecules = len(molecules)
        mean = scatter_mean(atoms, graph.batch, n_molecules)
        dense, mask = to_dense(atoms + self.kinds[0], graph.batch, n_molecules)
        nodes = torch.cat([(mean + self.kinds[1])[:, None], dense], dim=1)
        return nodes + roles[:, None], nn.functional.pad(mask, (1, 0), value=True)

    def _nodes_3d(
        self, molecules: Sequence[MoleculeTensors], roles: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One state per conformer, (2 p, c, d), and their mask: empty rows where there is no 3D."""
        shapes = [molecule.positions if molecule.has_shape else () for molecule in molecules]
        counts = torch.tensor([len(some) for some in shapes], device=roles.device)
        batch = torch.repeat_interleave(torch.arange(len(molecules), device=roles.device), counts)
        nodes, mask = to_dense(self._conformers(molecules), batch, len(molecules))
        nodes = nodes + self.kinds[2] + roles[:, None]
        if self.conformer_graph is None or nodes.shape[1] == 0:
            return nodes, mask
        half = len(molecules) // 2
        sides = self.conformer_graph(nodes[:half], mask[:half], nodes[half:], mask[half:])
        return torch.cat(sides), mask

    def _conformers(self, molecules: Sequence[MoleculeTensors]) -> Tensor:
        """Mean atom state of each conformer, molecule by molecule, (c, d)."""
        device = self.roles.device
        shapes = [
            (molecule.graph.x[:, 0], shape)
            for molecule in molecules
            if molecule.has_shape
            for shape in molecule.positions
        ]
        means = [torch.zeros(0, self.config.encoder_3d.d_model, device=device)]
        for some in passes(shapes):
            sizes = torch.tensor([len(elements) for elements, _ in some], device=device)
            batch = torch.repeat_interleave(torch.arange(len(some), device=device), sizes)
            elements, positions = (torch.cat(part).to(device) for part in zip(*some, strict=True))
            atoms = self.encoder_3d(elements, positions, batch)
            means.append(scatter_mean(atoms, batch, len(some)))
        return self.project_3d(torch.cat(means))


def _project(d_in: int, d_out: int) -> nn.Module:
    return nn.Sequential(nn.LayerNorm(d_in), nn.Linear(d_in, d_out))
