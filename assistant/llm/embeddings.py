"""Input embeddings that were trained together with a projector, put in place of the LLM's own.

LLaMo's first stage leaves the input embeddings of its LLM trainable, so its projector belongs to
them as much as to the frozen layers. A pad token at their end, which the LLM does not have, is
dropped.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from assistant.checkpoint import load_weights, read_config
from assistant.errors import BundleError
from assistant.llm.load import LoadedLLM

COMPONENT = "embeddings"


@dataclass(frozen=True)
class EmbeddingsConfig:
    """Size of the table."""

    n_tokens: int
    d_llm: int

    def build(self) -> nn.Embedding:
        """The table without memory; loading gives it the file's own float type."""
        with torch.device("meta"):
            return nn.Embedding(self.n_tokens, self.d_llm)


def install(directory: Path, loaded: LoadedLLM) -> None:
    """Replaces the LLM's input embeddings by those of the component, in place.

    Raises:
        BundleError: The LLM has more tokens, another width, or uses the table for its output too.
    """
    config = read_config(directory, EmbeddingsConfig, component=COMPONENT)
    weight = loaded.model.get_input_embeddings().weight
    n_tokens, d_llm = weight.shape
    if config.d_llm != d_llm or config.n_tokens < n_tokens:
        raise BundleError(
            f"{directory} has {config.n_tokens} embeddings of width {config.d_llm}, the language"
            f" model {loaded.name} {n_tokens} of width {d_llm}. Use the one it was trained with."
        )
    if loaded.model.get_output_embeddings().weight is weight:
        raise BundleError(
            f"{loaded.name} uses its input embeddings for its output too; {directory} would change"
            " both. Use the language model it was trained with."
        )
    table = config.build()
    load_weights(directory, table)
    with torch.no_grad():
        weight.copy_(table.weight[:n_tokens])
