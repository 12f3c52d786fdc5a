"""What a first visitor is offered: three worked examples with pictures, and the task menu."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.chat.wanted_kinds import plain_question
from assistant.errors import AssistantError
from ui.molecules import Chemistry, load
from ui.render import drawing, escape
from ui.session import Session

MENU_DIRECTORY = Path(__file__).resolve().parents[1] / "prompts" / "menu"
PICTURE = {"width": 150, "height": 104}

_DEFAULT_MENU = {
    "describe": "Describe this molecule.",
    "name": "What is this molecule called?",
    "properties": "How lipophilic and how polar is this molecule, and is it drug-like?",
    "product": "What is the product when these molecules react?",
    "retrosynthesis": "How could this molecule be made? Suggest the last step.",
    "compare": "Compare molecule 1 and molecule 2.",
}
_TITLES = {
    "describe": "Describe",
    "name": "Name",
    "properties": "Properties",
    "product": "Product of a reaction",
    "retrosynthesis": "Retrosynthesis",
    "compare": "Compare two",
}


@dataclass(frozen=True)
class Task:
    """One entry of the task menu."""

    key: str
    title: str
    text: str


@dataclass(frozen=True)
class Example:
    """A worked example: molecules to load and the question to ask about them."""

    key: str
    title: str
    molecules: tuple[tuple[str, str], ...]
    sign: str
    question: str


EXAMPLES = (
    Example(
        "describe",
        "Look at one molecule",
        (("paracetamol", "CC(=O)Nc1ccc(O)cc1"),),
        "",
        "Describe this molecule.",
    ),
    Example(
        "stereo",
        "Check the stereochemistry",
        (("menthol", "CC(C)[C@@H]1CC[C@@H](C)C[C@H]1O"),),
        "",
        "Are all stereocentres of this molecule set?",
    ),
    Example(
        "compare",
        "Compare two",
        (
            ("caffeine", "Cn1c(=O)c2c(ncn2C)n(C)c1=O"),
            ("theophylline", "Cn1c(=O)c2[nH]cnc2n(C)c1=O"),
        ),
        "vs",
        "Compare molecule 1 and molecule 2.",
    ),
)


def load_menu(directory: Path = MENU_DIRECTORY) -> tuple[Task, ...]:
    """The task menu; a file `<key>.txt` replaces the built-in words of a task."""
    tasks = []
    for key, text in _DEFAULT_MENU.items():
        path = directory / f"{key}.txt"
        words = path.read_text(encoding="utf-8").strip() if path.is_file() else text
        tasks.append(Task(key, _TITLES[key], words))
    return tuple(tasks)


def predicted_tasks(terms: Sequence[str]) -> tuple[Task, ...]:
    """What the menu offers of properties that a model was measured to predict."""
    return tuple(
        Task("predict", f"Predict the {term}", plain_question(term, "$molecule")) for term in terms
    )


def open_example(example: Example, session: Session, chemistry: Chemistry) -> None:
    """Loads an example's molecules; the first becomes the current one."""
    first_smiles = example.molecules[0][1]
    session.chosen = {load(session, smiles, chemistry) for _, smiles in example.molecules}
    load(session, first_smiles, chemistry)


def welcome_html(chemistry: Chemistry) -> str:
    """The first screen of an empty conversation: what this is, and the examples."""
    cards = "".join(_card(example, chemistry) for example in EXAMPLES)
    return (
        '<div class="welcome"><h2>Ask about a molecule</h2>'
        "<p>Draw it, paste a SMILES, type a name or drop a file. The model runs on this computer; "
        "what can be computed is computed, and its answers are checked against the structure.</p>"
        f'<div class="examples">{cards}</div></div>'
    )


def _card(example: Example, chemistry: Chemistry) -> str:
    pictures = []
    for name, smiles in example.molecules:
        try:
            svg = str(chemistry.call("draw", smiles=smiles, small=True, **PICTURE)["svg"])
        except AssistantError:
            svg = ""
        pictures.append(drawing(svg, name))
    sign = f'<span class="sign">{escape(example.sign)}</span>'
    return (
        f'<button type="button" class="example" data-act="example" data-key="{example.key}">'
        f"<strong>{escape(example.title)}</strong>"
        f'<span class="pictures">{sign.join(pictures)}</span>'
        f'<span class="ask">{escape(example.question)}</span></button>'
    )
