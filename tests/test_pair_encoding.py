"""Pairs as tokens: kept by structure, task and order; a missing shape is said."""

import numpy as np
import pytest
import torch

from assistant.chem.molecule import Molecule
from assistant.chem.pairs import MoleculePair, pair_task
from assistant.chem.shapes import SandboxedShapes
from assistant.errors import ChemistryTimeoutError, InvalidMoleculeError
from assistant.graph.pairs.alignment import AlignmentConfig
from assistant.graph.pairs.encoders1d import Encoder1DConfig
from assistant.graph.pairs.encoders2d import Encoder2DConfig
from assistant.graph.pairs.encoders3d import Encoder3DConfig
from assistant.graph.pairs.interactions import InteractionConfig
from assistant.graph.pairs.model import PairConfig, PairModel
from assistant.pair_encoding import PairEncoder

ASPIRIN, ETHANOL = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O"), Molecule.parse("CCO")
OPEN = Molecule.parse("*CCO")


class FakeShapes:
    """Random shapes; none for an open attachment point; late when asked to be."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.late = False

    def __call__(self, molecule: Molecule, n_conformers: int) -> np.ndarray:
        self.asked.append(molecule.smiles)
        if self.late:
            raise ChemistryTimeoutError("Finding the 3D shapes took more than 10 s.")
        if "*" in molecule.smiles:
            raise InvalidMoleculeError("No 3D shape: the molecule has an open attachment point.")
        n_atoms = molecule.rdmol().GetNumAtoms()
        return np.random.default_rng(n_atoms).normal(size=(n_conformers, n_atoms, 3)) * 3


def make_encoder(
    shapes: FakeShapes | None = None,
    *,
    flat: bool = True,
    deep: bool = False,
    views: tuple[str, ...] = (),
    **options: object,
) -> PairEncoder:
    torch.manual_seed(0)
    config = PairConfig(
        d_llm=24,
        d_model=16,
        encoder_2d=Encoder2DConfig("gin", 16, 2) if flat else None,
        encoder_3d=Encoder3DConfig("schnet", 16, 2) if deep else None,
        alignment=AlignmentConfig(n_tokens=3, n_heads=2),
        interaction=InteractionConfig(n_heads=2),
        n_conformers=2,
        encoder_1d=Encoder1DConfig(views, 8) if views else None,
    )
    return PairEncoder(PairModel(config), shapes or FakeShapes(), **options)


def pair(first: Molecule, second: Molecule, task: str = "solvation") -> MoleculePair:
    return MoleculePair(first, second, pair_task(task))


def test_a_pair_gives_tokens_of_the_llms_width_and_type():
    encoder = make_encoder(dtype=torch.bfloat16)
    [encoding] = encoder.encode([pair(ASPIRIN, ETHANOL)])
    assert encoding.tokens.shape == (3, 24)
    assert encoding.tokens.dtype == torch.bfloat16
    assert len(encoding.tokens_hash) == 64
    assert encoding.note == ""
    assert encoder.n_tokens == 3


def test_symmetric_pairs_are_one_encoding_and_the_same_bits_without_the_cache():
    there, back = (
        make_encoder(deep=True).encode([pair(*molecules, "drug_drug")])[0]
        for molecules in ((ASPIRIN, ETHANOL), (ETHANOL, ASPIRIN))
    )
    assert torch.equal(there.tokens, back.tokens)
    encoder = make_encoder()
    first, second = encoder.encode(
        [pair(ASPIRIN, ETHANOL, "drug_drug"), pair(ETHANOL, ASPIRIN, "drug_drug")]
    )
    assert first is second


def test_other_orders_and_tasks_are_other_tokens():
    encoder = make_encoder()
    encodings = encoder.encode(
        [
            pair(ASPIRIN, ETHANOL),
            pair(ETHANOL, ASPIRIN),
            pair(ASPIRIN, ETHANOL, "absorption"),
            pair(ASPIRIN, ETHANOL, "drug_drug"),
        ]
    )
    assert len({encoding.tokens_hash for encoding in encodings}) == 4


def test_company_changes_nothing_not_even_the_last_bit():
    alone = make_encoder(deep=True).encode([pair(ASPIRIN, ETHANOL)])[0]
    together = make_encoder(deep=True).encode([pair(ETHANOL, ETHANOL), pair(ASPIRIN, ETHANOL)])[1]
    assert torch.equal(alone.tokens, together.tokens)


def test_a_2d_model_asks_for_no_shapes():
    shapes = FakeShapes()
    make_encoder(shapes).encode([pair(ASPIRIN, ETHANOL)])
    assert shapes.asked == []


def test_shapes_are_asked_for_once_per_molecule_and_the_cache_is_bounded():
    shapes = FakeShapes()
    encoder = make_encoder(shapes, deep=True, max_kept=2)
    encoder.encode([pair(ASPIRIN, ETHANOL), pair(ETHANOL, ASPIRIN), pair(ASPIRIN, ETHANOL)])
    assert shapes.asked == [ASPIRIN.smiles, ETHANOL.smiles]
    first = encoder.encode([pair(ASPIRIN, ETHANOL)])[0]
    encoder.encode([pair(ETHANOL, ETHANOL), pair(ASPIRIN, ASPIRIN)])
    assert encoder.encode([pair(ASPIRIN, ETHANOL)])[0] is not first
    encoder.clear()
    encoder.encode([pair(ASPIRIN, ETHANOL)])
    assert shapes.asked.count(ASPIRIN.smiles) == 2


def test_without_a_shape_the_graph_is_read_alone_and_it_is_said():
    [encoding] = make_encoder(deep=True).encode([pair(ASPIRIN, OPEN)])
    assert torch.isfinite(encoding.tokens).all()
    assert encoding.note.startswith("One molecule of the pair was read without a 3D shape. No 3D")


@pytest.mark.parametrize("views", [(), ("groups",)])
def test_a_3d_model_without_a_shape_gives_no_tokens_and_says_why(views: tuple[str, ...]):
    encoder = make_encoder(flat=False, deep=True, views=views)
    encoding, shaped = encoder.encode([pair(ASPIRIN, OPEN), pair(ASPIRIN, ETHANOL)])
    assert shaped.tokens.shape == (3, 24)
    assert encoding.tokens is None
    assert "without interaction tokens. No 3D shape: the molecule has an open" in encoding.note


def test_a_time_out_is_tried_again_and_a_molecule_without_shape_is_not():
    shapes = FakeShapes()
    encoder = make_encoder(shapes, deep=True)
    shapes.late = True
    [late] = encoder.encode([pair(ASPIRIN, ETHANOL)])
    assert "took more than 10 s" in late.note
    shapes.late = False
    [found] = encoder.encode([pair(ASPIRIN, ETHANOL)])
    assert found.note == ""
    encoder.encode([pair(ASPIRIN, OPEN), pair(ETHANOL, OPEN)])
    assert shapes.asked.count(OPEN.smiles) == 1


def test_real_shapes_come_from_the_child_process():
    shapes = SandboxedShapes()
    assert shapes(ETHANOL, 3).shape == (3, 3, 3)
    with pytest.raises(InvalidMoleculeError, match="attachment point"):
        shapes(OPEN, 3)
    shapes._pool.close()
