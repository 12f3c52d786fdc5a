"""Which language model an imported component belongs to, told without loading the model.

What is trained here names its LLM by a fingerprint of the loaded weights. What is imported cannot:
the published model may be 13 GB that are not downloaded yet. It names a hub id, or the identity of
the input embeddings, which stands in the files and is the same in NF4, int8 and float:

    "embeddings:" + SHA-256(shape, signs of 256 rows × 64 columns)

Rounding to another float type keeps every sign, further training changes some of 16,384. Two models
that share frozen embeddings are not told apart.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import BundleError

if TYPE_CHECKING:
    from torch import Tensor

    from assistant.llm.load import LoadedLLM

_PREFIX = "embeddings:"
_ROWS, _COLUMNS = 256, 64
_EMBEDDING_KEYS = ("embed_tokens.weight", "wte.weight", "embed_in.weight")


def belongs_to(base_model: str, loaded: "LoadedLLM") -> bool:
    """Whether a component that names `base_model` was made for this loaded LLM.

    A hub id also fits a local directory of the same last name, which is how a download is kept.
    """
    if base_model.startswith(_PREFIX):
        return base_model == embedding_identity(loaded.model.get_input_embeddings().weight)
    names = {base_model, base_model.rpartition("/")[2]} if "/" in base_model else {base_model}
    return loaded.fingerprint == base_model or ("/" in base_model and loaded.name in names)


def embedding_identity(weight: "Tensor") -> str:
    """Identity of an input embedding (vocabulary, width)."""
    rows = _sampled_rows(weight.shape[0])
    return _identity(tuple(weight.shape), weight[rows, :_COLUMNS])


def directory_identity(directory: Path) -> str:
    """The same for a model's directory; reads 256 rows of one tensor.

    Raises:
        BundleError: No safetensors file there holds an input embedding.
    """
    from safetensors import safe_open

    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            key = next((key for key in file.keys() if key.endswith(_EMBEDDING_KEYS)), None)  # noqa: SIM118
            if key is None:
                continue
            view = file.get_slice(key)
            shape = tuple(view.get_shape())
            import torch

            rows = torch.stack([view[row, :_COLUMNS] for row in _sampled_rows(shape[0])])
            return _identity(shape, rows)
    raise BundleError(
        f"{directory} has no safetensors file with an input embedding; give the directory of a"
        " language model as save_pretrained writes it, or a hub id."
    )


def _sampled_rows(n_rows: int) -> Sequence[int]:
    """Rows over the whole vocabulary: the first tokens are alike in models of one family."""
    n_sampled = min(_ROWS, n_rows)
    return [index * n_rows // n_sampled for index in range(n_sampled)]


def _identity(shape: tuple[int, ...], values: "Tensor") -> str:
    import torch

    signs = torch.signbit(values.detach().cpu().float()).to(torch.uint8)
    digest = hashlib.sha256(f"{shape}".encode())
    digest.update(signs.contiguous().numpy().tobytes())
    return f"{_PREFIX}{digest.hexdigest()}"
