"""A tokenizer for reactions: what stands around a SMILES is one token, each atom is one.

Atoms in brackets that are frequent are tokens of their own, others are written letter by letter;
ring numbers stay single (the split of Schwaller et al. 2019, Molecular Transformer).
"""

import re
from collections.abc import Iterable

from transformers import PreTrainedTokenizerFast

from assistant.chat.prompts import template
from assistant.chat.short_tasks import SHORT_TASKS
from assistant.train.tokenizer import bpe_tokenizer

_SMILES = r"\[[^\]]{1,12}\]|Br|Cl|%[0-9]{2}|\n|."


def reaction_tokenizer(smiles: Iterable[str], *, vocab_size: int) -> PreTrainedTokenizerFast:
    """Learns which atoms in brackets are tokens of their own.

    Args:
        smiles: Of reactions.
        vocab_size: Most tokens; 256 of them are bytes.
    """
    fixed = [template(f"short/{name}").template.split("$")[0] for name in SHORT_TASKS]
    fixed += [task.answer("") for task in SHORT_TASKS.values()]
    pattern = "|".join([*map(re.escape, fixed), _SMILES])
    # Often enough that each becomes a token beside the atoms.
    texts = [text for text in fixed for _ in range(10**4)]
    return bpe_tokenizer([*texts, *smiles], pattern=pattern, vocab_size=vocab_size)
