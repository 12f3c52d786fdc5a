"""A few real templates with a classifier whose opinion does not depend on the molecule."""

from collections.abc import Sequence
from pathlib import Path

import torch

from assistant.chem.templates import outcomes, template_of
from assistant.specialist.templates import (
    TEMPLATES,
    ClassifierConfig,
    ReactionTemplates,
    Template,
    TemplateClassifier,
)
from assistant.train.templates.output import write_classifier

ANILIDE = "CC(=O)Nc1ccccc1"
EXAMPLES = ("CC(=O)O.Nc1ccccc1", "CC(=O)Cl.Nc1ccccc1", "CC(=O)OC(C)=O.Nc1ccccc1")
"""Three ways to an anilide."""


def acylations() -> tuple[Template, ...]:
    found = [template_of(reactants, ANILIDE) for reactants in EXAMPLES]
    assert all(found)
    return tuple(Template(smarts, 10 * n) for n, smarts in enumerate(found, 1))


def in_process(smiles: str, templates: Sequence[str], *, forward: bool) -> tuple:
    """Applies templates here, where the page does it in a child."""
    return tuple(outcomes(smiles, template, forward=forward) for template in templates)


def opinionated(probabilities: Sequence[float], **config: object) -> TemplateClassifier:
    """A classifier that gives the templates always these probabilities."""
    classifier = TemplateClassifier(
        ClassifierConfig(len(probabilities), n_bits=64, width=8, **config)
    )
    torch.nn.init.zeros_(classifier.output.weight)
    with torch.no_grad():
        classifier.output.bias.copy_(torch.tensor(probabilities).log())
    return classifier


def reaction_templates(
    probabilities: Sequence[float] = (0.6, 0.3, 0.1), **config: object
) -> ReactionTemplates:
    return ReactionTemplates(opinionated(probabilities, **config), acylations())


def write_acylations(specialist: Path, *tasks: str, **config: object) -> None:
    """Puts them beside a specialist's language model."""
    templates = reaction_templates(**config)
    for task in tasks:
        directory = specialist / TEMPLATES / task
        write_classifier(directory, templates.classifier, templates.templates)
