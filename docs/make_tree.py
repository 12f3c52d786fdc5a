"""Writes the file tree of the README: `python docs/make_tree.py`.

The phrase beside a Python file is the first line of its docstring, so it cannot drift; directories
and other files have theirs here.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SECTION = re.compile(r"(## The files\n```\n).*?(```\n)", re.DOTALL)
WIDTH, PHRASE_AT = 128, 30
SKIPPED = {"__init__.py", "__pycache__"}

# In the order of the tree. A directory that is not opened here stands for all that is in it.
PHRASES = {
    "launch.py": "",
    "Makefile": "chat, test, unit, slow, gpu, check, startup",
    "pyproject.toml": "dependencies with a reason each; settings of the tools",
    "constraints.txt": "the versions that were tested together",
    "ARCHITECTURE.md": "the drawing, the map, the invariants, what is absent",
    "CHANGELOG.md": "what changed for users",
    "LICENSE": "Apache-2.0",
    "assistant/": "the product without its page",
    "assistant/chem/": "molecules, facts, drawings; needs no torch",
    "assistant/chem/data/": "tables: names, functional groups",
    "assistant/chat/": "conversation, prompts, checks: plain values",
    "assistant/chat/asking/": "the words of questions for a value of the card, as they are read",
    "assistant/chat/claims/": "what is read as a claim in an answer, one file per kind",
    "assistant/chat/history/": "conversations with their branches, kept in SQLite",
    "assistant/export/": "a conversation as files, and JSON read back with suspicion",
    "assistant/retrieval/": "an index of captioned molecules by fingerprint",
    "assistant/sidebyside/": "one question in several columns at once, their claims compared",
    "assistant/pairing/": "pair heads: values with their error, nearest known pairs, domain",
    "assistant/specialist/": "a second, small model: reactions, orbital energies; docs/recipes.md",
    "assistant/predicted/": "numbers the model predicts: their error in tests, what they are near",
    "assistant/graph/": "from a molecular graph to graph tokens",
    "assistant/graph/pairs/": "two molecules with roles: encoders, alignments, interactions",
    "assistant/adapters/": "weights made for a molecule",
    "assistant/adapters/xlora/": "LoRA experts, mixed per token and layer by a gate",
    "assistant/llm/": "the language model and its engine",
    "assistant/llm/graphed/": "the decode step over static buffers, captured as CUDA graphs",
    "assistant/importers/": "published checkpoints as bundles; docs/import.md",
    "assistant/train/": "trains the default bundle",
    "assistant/train/adapt/": "the same training for any Hugging Face LLM in NF4; docs/adapt.md",
    "assistant/train/encoder/": "pre-training of the graph encoder; docs/recipes.md",
    "assistant/train/ablation/": "arms trained apart on one frozen base; docs/recipes.md",
    "assistant/train/numbers/": "teaches the specialist's model to write a number; docs/recipes.md",
    "assistant/train/specialist/": "trains the small model for reactions; docs/recipes.md",
    "assistant/train/templates/": "finds and learns reaction templates for it; docs/recipes.md",
    "assistant/train/pair_study/": "variants of one pair recipe; docs/recipes.md",
    "assistant/train/readouts/": "ways of reading a frozen encoder into tokens; docs/recipes.md",
    "assistant/train/experts/": "X-LoRA beside a finished bundle; docs/recipes.md",
    "assistant/train/sources/": "loaders of public data formats",
    "assistant/train/configs/": "one file per training: purpose, data, time, command",
    "assistant/train/wordings/": "how people ask and what is answered, by kind of turn",
    "assistant/evaluate/": "measures what is served",
    "assistant/evaluate/baselines/": "what a task gives without a language model",
    "assistant/evaluate/metrics/": "caption, structure, regression and classification metrics",
    "assistant/evaluate/tasks/": "one task each: rows, question, reading of the answer, metrics",
    "assistant/evaluate/golden_checks/": "one module per method for evaluate/golden.py",
    "ui/": "the page and the API",
    "ui/assets/": "the page's own scripts and styles",
    "ui/static/": "Ketcher and 3Dmol.js as built, and their frames",
    "ui/build/": "how Ketcher was built",
    "prompts/": "what the model is told; README.md lists the variables",
    "checkpoints/default/": "the shipped bundle: weights, card, licences of the data",
    "tests/": "mirrors assistant/ and ui/; journeys in a browser in tests/ui",
    "docs/": "decisions (adr/), screenshots, and the scripts behind README.md",
}
CLOSED = {
    "assistant/predicted/",
    "assistant/sidebyside/",
    "assistant/pairing/",
    "assistant/train/encoder/",
    "assistant/train/ablation/",
    "assistant/specialist/",
    "assistant/train/numbers/",
    "assistant/train/specialist/",
    "assistant/train/templates/",
    "assistant/train/pair_study/",
    "assistant/train/readouts/",
    "assistant/train/experts/",
    "assistant/export/",
    "assistant/chat/asking/",
    "assistant/chat/history/",
    "assistant/retrieval/",
    "assistant/train/adapt/",
    "assistant/train/sources/",
    "assistant/evaluate/baselines/",
    "assistant/evaluate/metrics/",
    "assistant/evaluate/tasks/",
    "assistant/chem/data/",
    "assistant/chat/claims/",
    "assistant/llm/graphed/",
    "assistant/train/configs/",
    "assistant/train/wordings/",
    "assistant/graph/pairs/",
    "assistant/evaluate/golden_checks/",
    "ui/assets/",
    "ui/static/",
    "ui/build/",
    "prompts/",
    "checkpoints/default/",
    "tests/",
    "docs/",
}


def phrase(path: Path) -> str:
    """The first line of a module's docstring, up to the colon that leads to a command."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = docstring.partition("\n")[0]
    return re.split(r": `|\. |\.$", first)[0]


def modules(directory: Path) -> list[Path]:
    """The Python files of a directory that deserve a line."""
    return sorted(path for path in directory.glob("*.py") if path.name not in SKIPPED)


def line(name: str, depth: int, text: str) -> str:
    """One line of the tree."""
    shown = f"{'  ' * depth}{name:<{PHRASE_AT - 2 * depth}}{text}"
    return shown if len(shown) <= WIDTH else shown[: WIDTH - 2].rsplit(" ", 1)[0] + " …"


def tree() -> list[str]:
    """All lines."""
    lines: list[str] = []
    for name, text in PHRASES.items():
        path = ROOT / name
        if not path.exists():
            continue
        parent = f"{name.rstrip('/').rpartition('/')[0]}/"
        depth = name.rstrip("/").count("/") if parent in PHRASES else 0
        shown = name.removeprefix(parent) if depth else name
        lines.append(line(shown, depth, text or phrase(path)))
        if path.is_dir() and name not in CLOSED:
            lines += [line(file.name, depth + 1, phrase(file)) for file in modules(path)]
    return lines


def main() -> None:
    """Put the tree into the README."""
    text = README.read_text(encoding="utf-8")
    body = "\n".join(tree()) + "\n"
    README.write_text(SECTION.sub(lambda m: m[1] + body + m[2], text), encoding="utf-8")
    sys.stdout.write(f"{body.count(chr(10))} lines\n")


if __name__ == "__main__":
    main()
