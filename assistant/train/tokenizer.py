"""A small tokenizer for chemistry: words are merged, SMILES atoms and signs stay single.

Numbers are cut into groups of up to three digits, and a point with up to two decimals is a group of
its own ("206", ".28"), each a token whatever the corpus holds: a value is then copied in few steps,
and its tokens are rarely found elsewhere in the card (single digits are everywhere, which kept a
small model from learning to copy). A label of the card is one token, so that the value stands right
behind what it is looked up by. The characters of a SMILES stay single so that each is one decision
of the model.
"""

import json
import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from assistant.chat.card import CARD_LABELS

END = "<|end|>"
PAD = "<|pad|>"
SPECIALS = (PAD, END, "<|system|>", "<|user|>", "<|assistant|>")

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

NUMBER = re.compile(r"\.?[0-9]{1,3}")
"""A token that is part of a number."""

# In order: lines of the card up to the value; words that are labels; two-letter elements; aromatic
# atoms one by one; short sentence starts; words with their leading space; words without one;
# chirality marks; any single character.
_RING_TEXT = r"[bcnops]{0,8}[0-9(\[\]=#@/\\+)]"
_LINES = "|".join(re.escape(label) for label in (*CARD_LABELS.values(), "SMILES", "name"))
_WORDS = "cLogP|LogP|logP|TPSA|SMILES|QED|Fsp3|PAINS|Brenk|RDKit|InChIKey|HBD|HBA"
_STARTS = "It|Is|In|Do|No|My|Or|We|If|On|At|Of|To|As|An|By|So"
_PATTERN = (
    rf"\n?(?:- )?(?:{_LINES}): "
    rf"| ?(?:{_WORDS})(?![a-z])"
    rf"|(?:Cl|Br)(?={_RING_TEXT}|[^a-z]|$)"
    rf"| ?[A-Z](?={_RING_TEXT})"
    rf"| ?[bcnops](?={_RING_TEXT})"
    rf"|(?:{_STARTS})(?![A-Za-z0-9(\[=#])"
    r"| [A-Za-z][a-z]+"
    r"|(?<![A-Za-z])[A-Z]?[a-z]{2,}"
    r"|@@"
    r"|\.[0-9]{1,2}"
    r"|[0-9]{1,3}"
    r"| (?=[0-9])"
    r"| ?[^\s]"
    r"|\s"
)


def train_tokenizer(texts: Iterable[str], *, vocab_size: int) -> PreTrainedTokenizerFast:
    """Learns merges inside words only; every byte can be written."""
    return bpe_tokenizer(chain(texts, _numbers()), pattern=_PATTERN, vocab_size=vocab_size)


def bpe_tokenizer(
    texts: Iterable[str], *, pattern: str, vocab_size: int
) -> PreTrainedTokenizerFast:
    """A tokenizer with the chat template of this project, which can write every byte.

    Args:
        texts: What merges are learned from.
        pattern: Regular expression of what merges are learned within.
        vocab_size: Most tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=list(SPECIALS[2:]),
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=4096,
    )


def number_ids(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Ids of the tokens that numbers are made of, in the order of the vocabulary."""
    return sorted(i for token, i in tokenizer.get_vocab().items() if NUMBER.fullmatch(token))


def _numbers() -> Iterable[str]:
    """Every group of digits and every decimal part, often enough that each becomes a token."""
    groups = [f"{n:0{width}d}" for width in (2, 3) for n in range(10**width)]
    decimals = [f".{n:0{width}d}" for width in (1, 2) for n in range(10**width)]
    return (text for text in (*groups, *decimals) for _ in range(2000))


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, directory: Path) -> None:
    """Writes tokenizer.json and its config into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(directory)
    # Written with a line for each number; without them it takes two fifths of the space.
    path = directory / "tokenizer.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    compact = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    path.write_text(compact + "\n", encoding="utf-8")
