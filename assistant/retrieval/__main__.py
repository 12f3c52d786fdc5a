"""Builds and asks an index of captioned molecules.

python -m assistant.retrieval build --file FILE [--file FILE …] --index DIR
python -m assistant.retrieval find --index DIR --smiles SMILES
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.retrieval.index import Captioned, Index, build_index
from assistant.retrieval.reading import Unreadable, read_captioned

_REPORT_EVERY = 5000


def build(files: Sequence[Path], directory: Path) -> str:
    """Builds an index and says what is in it."""
    began, problems = time.monotonic(), []

    def entries() -> Iterator[Captioned]:
        n = 0
        for path in files:
            unreadable = Unreadable()
            for entry in read_captioned(path, unreadable):
                n += 1
                if n % _REPORT_EVERY == 0:
                    rate = n / (time.monotonic() - began)
                    sys.stderr.write(f"{n:,} captions read, {rate:.0f} a second\n")
                yield entry
            if unreadable.n:
                problems.append(f"{path.name}: {unreadable.n} rows left out ({unreadable.first})")

    n = build_index(entries(), directory)
    seconds = time.monotonic() - began
    lines = [*problems, f"{directory}: {n:,} molecules, built in {seconds:.1f} s"]
    lines.append(f"use it with: python launch.py --retrieval {directory}")
    return "".join(f"{line}\n" for line in lines)


def find(directory: Path, smiles: str) -> str:
    """The nearest captioned molecules as lines."""
    found = Index(directory).search(Molecule.parse(smiles))
    lines = [
        f"{e.similarity:.3f}  {e.smiles}  ({e.file}, line {e.line})\n       {e.text}" for e in found
    ]
    return "".join(f"{line}\n" for line in lines) or "Nothing similar is in the index.\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.retrieval", description=__doc__.splitlines()[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="make an index of files with captions")
    building.add_argument(
        "--file",
        type=Path,
        action="append",
        required=True,
        help="CSV, TSV or JSON lines with the columns smiles and description; gzip is fine",
    )
    building.add_argument("--index", type=Path, required=True, help="directory to write")
    finding = commands.add_parser("find", help="show what is near a molecule")
    finding.add_argument("--index", type=Path, required=True)
    finding.add_argument("--smiles", required=True)
    options = parser.parse_args(arguments)
    try:
        if options.command == "build":
            sys.stdout.write(build(options.file, options.index))
        else:
            sys.stdout.write(find(options.index, options.smiles))
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
