"""Writes what a run has learned, and puts it beside a bundle's specialist."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from string import Template as Text

from assistant.bundle import SPECIALIST, Bundle
from assistant.checkpoint import (
    CARD,
    WEIGHTS,
    ComponentInfo,
    copy_into_place,
    save_component,
    store_in_eight_bit,
    write_config,
)
from assistant.errors import AssistantError
from assistant.specialist.templates import (
    COMPONENT,
    TEMPLATES,
    TEMPLATES_ALONE,
    ClassifierConfig,
    Template,
    TemplateClassifier,
    write_templates,
)
from assistant.train.templates.recipe import TemplatesRecipe
from assistant.train.templates.weighing import Weighed, hits

_INFO = ComponentInfo(COMPONENT)
_CARD = Text((Path(__file__).parent / "card_template.md").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Learned:
    """What became of a task.

    Attributes:
        n_reactions: That were looked at.
        n_with_template: Of them, that have one.
        right_template: Share of held-out reactions whose template is among the first n, by n.
        config: With the weights.
        weighed: What they were chosen on.
    """

    n_reactions: int
    n_with_template: int
    right_template: Mapping[int, float]
    config: ClassifierConfig
    weighed: Sequence[Weighed]


def write_classifier(
    directory: Path, classifier: TemplateClassifier, templates: Sequence[Template]
) -> None:
    """Writes the classifier of a task in 8 bit, with its templates."""
    save_component(directory, classifier, classifier.config, _INFO)
    store_in_eight_bit(directory / WEIGHTS)
    write_templates(directory, templates)


def write_weights(directory: Path, config: ClassifierConfig) -> None:
    """Writes how the opinion of a classifier that is there already is weighed."""
    write_config(directory, config, _INFO)


def put_into(bundle: Path, templates: Path) -> Path:
    """Copies templates beside the specialist of a bundle, in the place of older ones.

    Args:
        bundle: Directory of a bundle that has a specialist, the one they were weighed against.
        templates: What a run has written.

    Raises:
        AssistantError: The bundle has no specialist, or something else stands in that place.
    """
    known = Bundle.read(bundle)
    if SPECIALIST not in known.components:
        raise AssistantError(
            f"{bundle} has no specialist that templates could be put beside; put one into it with"
            " assistant.train.specialist --into first."
        )
    place = known.components[SPECIALIST] / TEMPLATES
    copy_into_place(templates, place, mark=CARD)
    return place


def card_text(
    recipe: TemplatesRecipe,
    learned: Mapping[str, Learned],
    lines: Sequence[str],
    command: str,
) -> str:
    """The card of a run's templates."""
    return _CARD.substitute(
        least=recipe.least,
        command=command,
        date=datetime.now(UTC).date().isoformat(),
        classified="\n".join(_classified(name, of) for name, of in learned.items()),
        weighed="\n".join(_weighed(name, of) for name, of in learned.items()),
        alone="\n".join(_alone(name, of) for name, of in learned.items()),
        sources="\n".join(f"- {line}" for line in lines),
    )


def _classified(name: str, of: Learned) -> str:
    right = " / ".join(f"{share:.3f}" for share in of.right_template.values()) or "not measured"
    counts = f"{of.n_reactions:,} | {of.n_with_template:,} | {of.config.n_templates:,}"
    return f"| {name} | {counts} | {right} |"


def _weighed(name: str, of: Learned) -> str:
    config, n = of.config, len(of.weighed)
    together = " / ".join(f"{hits(of.weighed, config)[n]:.3f}" for n in (1, 3, 5))
    weights = " | ".join(f"{weight:.3g}" for weight in config.weights)
    templates = hits(of.weighed, replace(config, weights=TEMPLATES_ALONE))[1]
    return f"| {name} | {n:,} | {config.covered:.3f} | {weights} | {together} | {templates:.3f} |"


def _alone(name: str, of: Learned) -> str:
    rows = [row.written() for row in of.weighed]
    covered = sum(row.right is not None for row in rows) / max(len(rows), 1)
    config = replace(of.config, weights=of.config.alone)
    found = " / ".join(f"{hits(rows, config)[n]:.3f}" for n in (1, 3, 5))
    weights = " | ".join(f"{weight:.3g}" for weight in config.weights[1:])
    return f"| {name} | {covered:.3f} | {weights} | {found} |"


def figures_of(learned: Mapping[str, Learned]) -> dict[str, object]:
    """The figures of a run as JSON can hold them."""
    return {
        name: {
            "n_reactions": of.n_reactions,
            "n_with_template": of.n_with_template,
            "right_template": dict(of.right_template),
            "config": asdict(of.config),
            "hits": hits(of.weighed, of.config),
        }
        for name, of in learned.items()
    }
