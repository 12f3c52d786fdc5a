"""Reaction templates, and how likely each is to have made a molecule.

    SMILES ─► counts of its circular substructures ─► classifier ─► log p of every template

A template says which bonds a reaction makes and breaks, with the atoms around them. It is what a
chemist calls a kind of reaction, only finer. Which template a molecule was made by is learned as a
classification (Segler and Waller 2017, doi 10.1002/chem.201605499); one for the other direction
says which a mixture of reactants and reagents will go by.

    templates/retrosynthesis/config.json, model.safetensors   the classifier
    templates/retrosynthesis/templates.json.gz                SMARTS, and training reactions of each
"""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from torch import Tensor, nn

from assistant.checkpoint import WEIGHTS, load_weights, read_config
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import BundleError

COMPONENT = "template classifier"
TEMPLATES = "templates"
_LIST = "templates.json.gz"
_DROPOUT = 0.3
_MOST_COUNTED = 255


class Weights(NamedTuple):
    """What the opinions on a candidate count, as factors of their logarithms.

    Attributes:
        template: Of the probability that templates give it.
        written: Of how often the language model wrote it.
        lm: Of the probability that the language model gives it.
        lm_return: Of the probability that it gives the way back.
    """

    template: float = 0.0
    written: float = 0.0
    lm: float = 0.0
    lm_return: float = 0.0


TEMPLATES_ALONE = Weights(template=1.0)
_LANGUAGE_MODEL_ALONE = Weights(written=1.0, lm=0.25, lm_return=0.1)


@dataclass(frozen=True)
class Template:
    """A reaction template.

    Attributes:
        smarts: Of its retrosynthetic direction, product>>reactants.
        n_reactions: Training reactions that it was found in.
    """

    smarts: str
    n_reactions: int


@dataclass(frozen=True)
class ClassifierConfig:
    """Shape of a classifier, and how its opinion is weighed against the others.

    Attributes:
        n_templates: Classes.
        n_bits: Length of a fingerprint.
        radius: Of its substructures, in bonds.
        width: Of the hidden layers.
        weights: What each opinion counts; `Weights`, or its values.
        alone: The same where no template has a say.
        covered: Share of reactions whose answer is among the candidates.
    """

    n_templates: int
    n_bits: int = 2048
    radius: int = 2
    width: int = 256
    weights: Weights = TEMPLATES_ALONE
    alone: Weights = _LANGUAGE_MODEL_ALONE
    covered: float = 1.0

    def __post_init__(self) -> None:
        for name in ("weights", "alone"):  # JSON has lists
            object.__setattr__(self, name, Weights(*getattr(self, name)))
        if min(self.n_templates, self.n_bits, self.width) < 1 or self.radius < 0:
            raise ValueError("a classifier needs templates, bits, a width and a radius")
        if not 0 < self.covered <= 1:
            raise ValueError(f"covered {self.covered} must be over 0 and at most 1")


class TemplateClassifier(nn.Module):
    """Two hidden layers over counts of substructures.

    Args:
        config: Its shape.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.read = nn.Linear(config.n_bits, width)
        self.read_norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, width)
        self.hidden_norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, config.n_templates)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, counts: Tensor) -> Tensor:
        """Logits of the templates, (n, n_templates), from counts (n, n_bits)."""
        x = self.dropout(torch.relu(self.read_norm(self.read(torch.log1p(counts)))))
        x = x + self.dropout(torch.relu(self.hidden_norm(self.hidden(x))))
        return self.output(x)


class Fingerprints:
    """Counts of circular substructures (Morgan), the same way in training and later.

    Args:
        config: Says how long they are and how far they reach.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        self._generator = rdFingerprintGenerator.GetMorganGenerator(
            radius=config.radius, fpSize=config.n_bits
        )

    def counts(self, smiles: str) -> npt.NDArray[np.uint8]:
        """Of a valid SMILES of one or several parts, (n_bits,)."""
        with quiet_rdkit():
            mol = Chem.MolFromSmiles(smiles)
        found = self._generator.GetCountFingerprintAsNumPy(mol)
        return np.minimum(found, _MOST_COUNTED).astype(np.uint8)


class ReactionTemplates:
    """The templates of a task with their classifier.

    Args:
        classifier: In the order of the templates.
        templates: As many as it has classes.
    """

    def __init__(self, classifier: TemplateClassifier, templates: Sequence[Template]) -> None:
        self.classifier, self.templates = classifier.eval(), tuple(templates)
        self.config = classifier.config
        self._fingerprints = Fingerprints(self.config)

    @torch.inference_mode()
    def likeliest(self, smiles: str, n: int) -> list[tuple[Template, float]]:
        """The likeliest templates of what a SMILES gives, with their probabilities."""
        counts = torch.from_numpy(self._fingerprints.counts(smiles)).float()
        probabilities = torch.softmax(self.classifier(counts[None])[0], 0)
        values, places = probabilities.topk(min(n, len(self.templates)))
        pairs = zip(places.tolist(), values.tolist(), strict=True)
        return [(self.templates[place], value) for place, value in pairs]

    @classmethod
    def load(cls, directory: Path) -> "ReactionTemplates":
        """Reads a directory.

        Raises:
            BundleError: Something is missing, damaged or does not fit together.
        """
        config = read_config(directory, ClassifierConfig, component=COMPONENT)
        classifier = TemplateClassifier(config)
        load_weights(directory, classifier)
        templates = read_templates(directory)
        if len(templates) != config.n_templates:
            raise BundleError(
                f"{directory / _LIST} has {len(templates)} templates where {WEIGHTS} has"
                f" {config.n_templates}; restore both files."
            )
        return cls(classifier, templates)


def read_templates(directory: Path) -> tuple[Template, ...]:
    """The templates of a directory.

    Raises:
        BundleError: The file is missing or damaged.
    """
    path = directory / _LIST
    try:
        rows = json.loads(gzip.decompress(path.read_bytes()))
        return tuple(Template(str(smarts), int(n)) for smarts, n in rows)
    except FileNotFoundError as error:
        raise BundleError(f"{path} is missing; restore it (git checkout).") from error
    except (OSError, EOFError, ValueError, TypeError) as error:
        raise BundleError(f"{path} holds no templates ({error}); restore it.") from error


def write_templates(directory: Path, templates: Sequence[Template]) -> None:
    """Writes templates; the same ones give the same bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps([[t.smarts, t.n_reactions] for t in templates])
    (directory / _LIST).write_bytes(gzip.compress(text.encode(), 9, mtime=0))
