"""Imports the graph encoder of MoleculeSTM, from its own file or out of a larger state dict.

    python -m assistant.importers.stm molecule_model.pth --out checkpoints/stm

MoleculeSTM (Liu et al., arXiv 2212.10789) published `molecule_model.pth`; LLaMo and MoRA start from
it. Its chirality table has 4 rows (OGB up to 1.3.5), files made with OGB 1.3.6 have 5: both are
taken as they are, for `chem.graph` uses the first four classes only. MoRA's own loader skipped the
4-row table without a word and went on with random numbers.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from torch import Tensor

from assistant.checkpoint import ComponentInfo, save_component
from assistant.commands import exit_status
from assistant.graph.encoder import (
    ATOM_CLASSES,
    BOND_CLASSES,
    GraphEncoder,
    GraphEncoderConfig,
)
from assistant.importers import keys
from assistant.importers.torch_file import TorchFile, state_dict_of

PUBLISHED_WIDTH, PUBLISHED_LAYERS = 300, 5
_TABLES = "molecule_node_model.atom_encoder.atom_embedding_list."
_CHIRALITY_ROWS = (4, 5)
_HEAD = "graph_pred_linear."  # of MoleculeSTM's own tasks; not part of the encoder


def encoder_from(
    state: Mapping[str, Tensor],
    *,
    source: str,
    prefix: str = "",
    columns: Literal["ogb", "mora"] = "ogb",
) -> GraphEncoder:
    """The encoder in a state dict, in float32 and `eval`.

    Args:
        state: Tensors by their published keys; those without the prefix are not looked at.
        source: The file, for errors.
        prefix: What stands before `molecule_node_model`.
        columns: Which columns it reads: OGB's nine and three, or MoRA's two and two.

    Raises:
        BundleError: Keys or shapes differ; every one is named with what was expected.
    """
    part = {key: value for key, value in state.items() if key.startswith(prefix)}
    config = _config_of(part, prefix, columns)
    encoder = keys.build_on_meta(lambda: GraphEncoder(config))
    keys.check_shapes(
        part,
        keys.shapes_of(encoder, prefix),
        source=source,
        what=f"a MoleculeSTM encoder of width {config.d_model} and {config.n_layers} layers",
        note=" (its chirality table, number 1, may have 4 or 5 rows)",
    )
    keys.fill(encoder, part, prefix)
    return encoder


def _config_of(
    state: Mapping[str, Tensor], prefix: str, columns: Literal["ogb", "mora"]
) -> GraphEncoderConfig:
    tables = [state.get(f"{prefix}{_TABLES}{index}.weight") for index in range(len(ATOM_CLASSES))]
    widths = [table.shape[1] for table in tables if table is not None and table.dim() == 2]
    atom_classes = list(ATOM_CLASSES)
    if tables[1] is not None and tables[1].shape[0] in _CHIRALITY_ROWS:
        atom_classes[1] = tables[1].shape[0]
    layers = f"{prefix}molecule_node_model.gnns."
    return GraphEncoderConfig(
        d_model=keys.most_common(widths, PUBLISHED_WIDTH),
        n_layers=keys.count_numbered(state, layers, PUBLISHED_LAYERS),
        atom_classes=tuple(atom_classes),
        bond_classes=BOND_CLASSES,
        columns=columns,
    )


def read_encoder(path: Path, *, columns: Literal["ogb", "mora"] = "ogb") -> GraphEncoder:
    """The encoder in MoleculeSTM's file; a prediction head beside it is left out.

    Raises:
        BundleError: The file cannot be read or does not fit.
    """
    with TorchFile(path) as file:
        refs = state_dict_of(file)
        state = keys.load_keys(file, refs, lambda key: not key.startswith(_HEAD))
    return encoder_from(state, source=str(path), columns=columns)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's first lines."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.importers.stm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="molecule_model.pth of MoleculeSTM")
    parser.add_argument("--out", type=Path, required=True, help="directory of the component")
    parser.add_argument(
        "--columns", choices=("ogb", "mora"), default="ogb", help="atom and bond columns it reads"
    )
    options = parser.parse_args(arguments)
    return exit_status(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    encoder = read_encoder(options.file, columns=options.columns)
    info = ComponentInfo("encoder", notes=f"imported from {options.file.name} (MoleculeSTM)")
    save_component(options.out, encoder, encoder.config, info)
    config = encoder.config
    sys.stdout.write(
        f"encoder: width {config.d_model}, {config.n_layers} layers,"
        f" chirality table of {config.atom_classes[1]} rows -> {options.out}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
