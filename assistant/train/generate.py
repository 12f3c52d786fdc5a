"""Writes conversations about your own molecules, as JSON lines that `adapt` learns from.

    python -m assistant.train.generate --molecules FILE --out OUT.jsonl [--n 1000] [--seed 1]

FILE is a CSV, TSV or JSONL with a column `smiles` and, where known, `name`; or a .smi file, a
SMILES and a name a line; each also with .gz. Every answer follows from facts that RDKit computes
and from the words in this package; another seed writes other conversations. The lines are of the
format `conversations`:
`python -m assistant.train.adapt --config conversations --data conversations=OUT.jsonl`. Their
answers state values of the whole fact card, so that preset leaves nothing of a molecule out.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from assistant.commands import hold_ctrl_c

if __name__ == "__main__":
    hold_ctrl_c()

from assistant.chem.facts import Facts, compute_facts
from assistant.chem.molecule import Molecule
from assistant.commands import exit_status
from assistant.errors import AssistantError
from assistant.evaluate.report import make_writable
from assistant.evaluate.table import read_table
from assistant.rows import read_lines
from assistant.train import wording
from assistant.train.dialogues import DialogueWriter
from assistant.train.progress import Progress
from assistant.train.view import Dialogue, OutsideQuestions, Rates

OWN_QUESTIONS: OutsideQuestions = {
    "off_topic": wording.OFF_TOPIC,
    "general_chemistry": wording.GENERAL_CHEMISTRY,
}
"""Questions to decline that need no data set."""
EVERYTHING_SHOWN = Rates(card=0.0, line=0.0, smiles=0.0, graph=0.0)


def read_molecules(path: Path) -> tuple[list[tuple[Molecule, Facts]], list[str]]:
    """Molecules of a file with their facts, and why others were left out.

    Raises:
        AssistantError: The file cannot be read, or holds no molecule.
    """
    found: list[tuple[Molecule, Facts]] = []
    problems: list[str] = []
    for place, smiles, name in _entries(path):
        if not smiles.strip():
            continue
        try:
            molecule = Molecule.parse(smiles, name=name or None)
            found.append((molecule, compute_facts(molecule)))
        except AssistantError as error:
            problems.append(f"{place}: {error}")
    if not found:
        first = f" The first problem: {problems[0]}" if problems else ""
        raise AssistantError(f"{path} holds no molecule that can be read.{first}")
    return found, problems


def _entries(path: Path) -> Iterator[tuple[str, str, str]]:
    """Place, SMILES and name of each row."""
    if not path.is_file():
        raise AssistantError(f"No file at {path}; name one with --molecules.")
    if path.name.lower().removesuffix(".gz").endswith((".smi", ".smiles")):
        for number, line in read_lines(path):
            smiles, _, name = line.strip().partition(" " if "\t" not in line else "\t")
            yield f"{path.name}, line {number}", smiles, name.strip()
        return
    for row in read_table(path, ("smiles",), ("name",)):
        yield row.place, row["smiles"], row.get("name", "")


def refuse_place(out: Path, molecules: Path) -> None:
    """Refuses to write the conversations where they cannot be, or where the molecules are.

    Raises:
        AssistantError: Names the place and what to do.
    """
    if out.is_dir():
        raise AssistantError(f"{out} is a directory; name a file with --out.")
    if out.exists() and molecules.exists() and out.samefile(molecules):
        raise AssistantError(f"{out} holds the molecules, which would be lost; name another --out.")
    make_writable(out.parent)


def conversation_line(dialogue: Dialogue) -> dict[str, object]:
    """A dialogue as an object of the format `conversations`."""
    conversation = dialogue.conversation
    entries = [conversation.molecule(number) for number in dialogue.views]
    numbers = {number: place for place, number in enumerate(dialogue.views, 1)}
    molecules = []
    for entry in entries:
        about = {"smiles": entry.molecule.smiles, "name": entry.molecule.name, "role": entry.role}
        molecules.append({key: value for key, value in about.items() if value})
    messages = []
    for message in conversation.messages:
        line: dict[str, object] = {"role": message.role, "text": message.text}
        if message.attached:
            line["molecules"] = [numbers[number] for number in message.attached]
        messages.append(line)
    return {"molecules": molecules, "messages": messages}


def write_conversations(
    molecules: Sequence[tuple[Molecule, Facts]], path: Path, *, n: int, seed: int
) -> None:
    """Writes `n` conversations about the molecules, one a line, under a temporary name first."""
    writer = DialogueWriter(molecules, OWN_QUESTIONS, seed=seed, rates=EVERYTHING_SHOWN)
    progress = Progress("conversations", n, unit="turns")
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            for _ in range(n):
                dialogue = writer.write()
                file.write(json.dumps(conversation_line(dialogue), ensure_ascii=False) + "\n")
                progress.advance(len(dialogue.intents))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.generate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--molecules", type=Path, required=True, help="CSV, TSV, JSONL or .smi, packed or not")
    add("--out", type=Path, required=True, help="the JSONL file to write")
    add("--n", type=int, default=1000, help="conversations (default: 1000)")
    add("--seed", type=int, default=1, help="another seed, other conversations (default: 1)")
    args = parser.parse_args(arguments)
    if args.n < 1:
        parser.error(f"--n {args.n} must be positive")
    return exit_status(lambda: _run(args), after_stop="stopped; nothing was written")


def _run(args: argparse.Namespace) -> int:
    refuse_place(args.out, args.molecules)
    molecules, problems = read_molecules(args.molecules)
    for problem in problems[:5]:
        sys.stderr.write(f"{problem}\n")
    if problems:
        sys.stderr.write(f"{len(problems)} rows left out, {len(molecules)} molecules read\n")
    write_conversations(molecules, args.out, n=args.n, seed=args.seed)
    sys.stdout.write(f"wrote {args.n} conversations to {args.out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
