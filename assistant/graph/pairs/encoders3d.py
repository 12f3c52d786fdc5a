"""3D encoders of a pair model, by name: from elements and positions to one state per atom.

    schnet · egnn · painn          distances, E(n) and vector messages     own, no PyG
    dimenetpp · gearnet            angles, relations by distance           PyG's, imported late
    unimol · geoformer             attention with distances as bias        `distance_transformer`
    gin_esm · gcn_esm · gat_esm    2D layers over atoms that are near      `radius_stack`

All give the same states for a rotated, shifted or mirrored shape, so they cannot tell enantiomers
apart; the 2D encoders and the SMILES can. Left out of ModuLM's list, for want of a maintained
implementation without compiled extensions: SE(3)-Transformer, GVP, SphereNet, GSphereNet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

N_ELEMENTS = 119
"""Element column of OGB's atom features: atomic number - 1, and 118 for anything else."""

_WITH_HEADS = ("unimol", "geoformer")


@dataclass(frozen=True)
class Encoder3DConfig:
    """Which 3D encoder, and its sizes.

    Attributes:
        kind: A name of `ENCODERS_3D`.
        d_model: Width of the atom states.
        n_layers: Rounds of messages.
        cutoff: Largest distance of a message, Å.
        n_radial: Functions a distance is expanded in.
        n_heads: Attention heads (unimol, geoformer, gat_esm).
    """

    kind: str = "schnet"
    d_model: int = 128
    n_layers: int = 3
    cutoff: float = 6.0
    n_radial: int = 32
    n_heads: int = 8

    def __post_init__(self) -> None:
        if self.kind not in ENCODERS_3D:
            raise ValueError(
                f"encoder_3d kind {self.kind!r} is unknown; known are {', '.join(ENCODERS_3D)}"
            )
        if min(self.d_model, self.n_layers, self.n_radial, self.n_heads) < 1:
            raise ValueError(
                f"encoder_3d d_model {self.d_model}, n_layers {self.n_layers}, n_radial"
                f" {self.n_radial} and n_heads {self.n_heads} must be positive"
            )
        if not self.cutoff > 0.0:
            raise ValueError(f"encoder_3d cutoff {self.cutoff} Å must be positive")
        if self.kind in _WITH_HEADS and self.d_model % self.n_heads:
            raise ValueError(
                f"encoder_3d {self.kind}: d_model {self.d_model} is not a multiple of n_heads"
                f" {self.n_heads}"
            )


def _schnet(config: Encoder3DConfig) -> nn.Module:
    from assistant.graph.pairs.schnet import SchNet

    return SchNet(config.d_model, config.n_layers, config.cutoff, config.n_radial)


def _egnn(config: Encoder3DConfig) -> nn.Module:
    from assistant.graph.pairs.egnn import EGNN

    return EGNN(config.d_model, config.n_layers, config.cutoff)


def _painn(config: Encoder3DConfig) -> nn.Module:
    from assistant.graph.pairs.painn import PaiNN

    return PaiNN(config.d_model, config.n_layers, config.cutoff, config.n_radial)


def _dimenetpp(config: Encoder3DConfig) -> nn.Module:
    from assistant.graph.pairs.dimenet import DimeNetPP

    return DimeNetPP(config.d_model, config.n_layers, config.cutoff)


def _gearnet(config: Encoder3DConfig) -> nn.Module:
    from assistant.graph.pairs.gearnet import GearNet

    return GearNet(config.d_model, config.n_layers, config.cutoff)


def _unimol(config: Encoder3DConfig) -> nn.Module:
    from assistant.graph.pairs.distance_transformer import DistanceTransformer, GaussianPairBias

    bias = GaussianPairBias(config.n_radial, config.n_heads)
    return DistanceTransformer(
        config.d_model, config.n_layers, config.n_heads, bias, carries_scores=True
    )


def _geoformer(config: Encoder3DConfig) -> nn.Module:
    from assistant.graph.pairs.distance_transformer import DistanceBias, DistanceTransformer

    bias = DistanceBias(config.d_model, config.n_heads)
    return DistanceTransformer(
        config.d_model, config.n_layers, config.n_heads, bias, carries_scores=False
    )


def _near(kind: str) -> Callable[[Encoder3DConfig], nn.Module]:
    def build(config: Encoder3DConfig) -> nn.Module:
        from assistant.graph.pairs.radius_stack import RadiusStack

        return RadiusStack(kind, config)

    return build


ENCODERS_3D: Mapping[str, Callable[[Encoder3DConfig], nn.Module]] = MappingProxyType(
    {
        "schnet": _schnet,
        "dimenetpp": _dimenetpp,
        "egnn": _egnn,
        "painn": _painn,
        "gearnet": _gearnet,
        "unimol": _unimol,
        "geoformer": _geoformer,
        "gin_esm": _near("gin"),
        "gcn_esm": _near("gcn"),
        "gat_esm": _near("gat"),
    }
)
"""Name -> builder of a module: elements (n,), positions (n, 3), shape index (n,) to (n, d)."""
