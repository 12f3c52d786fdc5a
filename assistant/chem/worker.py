"""The child process of `sandbox`: one JSON request per line in, one JSON answer per line out.

Tasks (payload → result):

    inspect    {text or smiles, width?, height?, dark?, numbers?}  → kind, smiles, name, facts,
               svg, molblock, normalisation, stereo; for a reaction: kind, reaction;
               always: recognised (all entries)
    molblock   {block, ...as inspect}  → the same, read from the sketcher's molfile or rxnfile
    recognise  {text}                  → recognised: [{kind, source, smiles, name, reaction, error}]
    mentions   {text, has_subject?}    → mentions: [{start, end, smiles, name}], is_all: whether
               the text is about no other molecule
    draw       {smiles, highlight?, numbers?, notes?, width?, height?, dark?}  → svg
    conformer  {smiles}                → molblock in three dimensions
    conformers {smiles, n}             → positions: up to n shapes × atoms × 3, in Å
    file       {path, name}            → molecules, reactions, problems
    find       {query, among}          → found: None, or same, containing, n_searched
    lines      {text}                  → the same, of pasted text
    rows       {smiles, width, height} → rows: facts, svg and molblock, or error, of each of many
    canonical  {smiles}                → smiles: the canonical form of each of many
    outcomes   {smiles, templates, forward, budget?} → outcomes: what each template makes

Run as `python -m assistant.chem.worker`; it never loads the model stack.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from assistant.chem.analysis import analysis_of
from assistant.chem.conformer import conformer_molblock, conformer_positions
from assistant.chem.draw import draw_svg, slim, to_molblock
from assistant.chem.facts import compute_facts
from assistant.chem.files import FileReport, read_file, read_pasted
from assistant.chem.inputs import Recognised, recognise
from assistant.chem.mentions import is_only_about, mentions_in
from assistant.chem.molecule import Molecule
from assistant.chem.names import NameTable
from assistant.chem.normalise import normalise
from assistant.chem.reaction import Reaction
from assistant.chem.sandbox import Json, error_to_json
from assistant.chem.search import find_structures
from assistant.chem.stereo import stands_for_several, stereo_sentence
from assistant.chem.templates import TEMPLATE_SECONDS, outcomes_in_time
from assistant.errors import AssistantError, ChemistryTimeoutError, InvalidMoleculeError

MAX_NOTE = 24  # characters beside an atom
POSITION_DECIMALS = 4  # Å; what crosses the pipe is text
WARM_UP = "CC(=O)Oc1ccccc1C(=O)O"


class Tasks:
    """The tasks by name; holds the name table they share."""

    def __init__(self, names: NameTable) -> None:
        self._names = names
        self._by_name: dict[str, Callable[..., dict[str, Json]]] = {
            "inspect": self.inspect,
            "molblock": self.molblock,
            "recognise": self.recognise,
            "mentions": self.mentions,
            "slip": self.slip,
            "draw": self.draw,
            "conformer": self.conformer,
            "conformers": self.conformers,
            "file": self.file,
            "find": self.find,
            "lines": self.lines,
            "rows": self.rows,
            "canonical": self.canonical,
            "outcomes": self.outcomes,
        }

    def run(self, task: str, payload: dict[str, Json]) -> dict[str, Json]:
        """Runs one task by its name."""
        return self._by_name[task](**payload)

    def inspect(self, text: str = "", smiles: str = "", **drawing: Json) -> dict[str, Json]:
        """Everything the page shows of the first good molecule (or reaction) in the text.

        A known structure comes as `smiles`: it is not looked up among the names.
        """
        if smiles:
            found = Recognised(Molecule.parse(smiles), None, "smiles", smiles, None)
            return self._inspect_all([found], drawing)
        return self._inspect_all(recognise(text, self._names), drawing)

    def molblock(self, block: str, **drawing: Json) -> dict[str, Json]:
        """The same for a drawing."""
        if block.lstrip().startswith("$RXN"):
            return self._inspect_all(recognise(block, self._names), drawing)
        found = Recognised(Molecule.from_molblock(block), None, "molblock", block, None)
        return self._inspect_all([found], drawing)

    def mentions(
        self, text: str, has_subject: bool = False, after_group: bool = False
    ) -> dict[str, Json]:
        """The molecules that a sentence names."""
        found = mentions_in(text, self._names, has_subject=has_subject, after_group=after_group)
        entries: list[Json] = [
            {"start": m.start, "end": m.end, "smiles": m.molecule.smiles, "name": m.molecule.name}
            for m in found
        ]
        return {"mentions": entries, "is_all": is_only_about(text, found)}

    def slip(self, word: str) -> dict[str, Json]:
        """The name that a word is a slip of, if any."""
        return {"name": self._names.slip_of(word)}

    def recognise(self, text: str) -> dict[str, Json]:
        """All molecules, reactions and mistakes in the text, in order."""
        return {"recognised": [self._entry(one) for one in recognise(text, self._names)]}

    def draw(
        self, smiles: str, highlight: Sequence[int] = (), small: bool = False, **drawing: Json
    ) -> dict[str, Json]:
        """A picture; a small one has no marks of atoms and half the characters."""
        molecule = Molecule.parse(smiles)
        svg = draw_svg(molecule, highlight=highlight, **_drawing_options(drawing))
        return {"svg": slim(svg) if small else svg}

    def conformer(self, smiles: str) -> dict[str, Json]:
        """A 3D shape."""
        return {"molblock": conformer_molblock(Molecule.parse(smiles))}

    def conformers(self, smiles: str, n: int) -> dict[str, Json]:
        """Several 3D shapes, for 3D encoders."""
        positions = conformer_positions(Molecule.parse(smiles), n)
        return {"positions": positions.round(POSITION_DECIMALS).tolist()}

    def file(self, path: str, name: str) -> dict[str, Json]:
        """The molecules of a file."""
        return self._report(read_file(Path(path), name=name, names=self._names))

    def lines(self, text: str) -> dict[str, Json]:
        """The molecules of pasted text, one on each line, or of a whole pasted file."""
        return self._report(read_pasted(text, self._names))

    def rows(self, smiles: Sequence[str], width: int, height: int) -> dict[str, Json]:
        """Facts and a small drawing of many molecules; one that fails does not spoil the others."""
        return {"rows": [_row(one, width, height) for one in smiles]}

    def canonical(self, smiles: Sequence[str]) -> dict[str, Json]:
        """Many structures as they are compared; the first mistake is raised."""
        return {"smiles": [Molecule.parse(one).smiles for one in smiles]}

    def outcomes(
        self,
        smiles: str,
        templates: Sequence[str],
        forward: bool,
        budget: float = TEMPLATE_SECONDS,
    ) -> dict[str, Json]:
        """What each template makes of a molecule, as far as the budget (s) suffices."""
        given = Molecule.parse(smiles).smiles
        found = outcomes_in_time(given, templates, forward=forward, seconds=budget)
        return {"outcomes": [list(one) for one in found]}

    def _report(self, report: FileReport) -> dict[str, Json]:
        return {
            "molecules": [self._molecule(m) for m in report.molecules],
            "reactions": [self._reaction(r) for r in report.reactions],
            "problems": list(report.problems),
            "columns": list(report.own.heads),
            "cells": report.own.rows,
            "notices": report.own.notices,
            "remarks": report.remarks,
        }

    def find(self, query: str, among: Sequence[str]) -> dict[str, Json]:
        """Which known molecules are, or contain, what was typed; None when it is no structure."""
        found = find_structures(query, among, self._names)
        return {"found": None if found is None else asdict(found)}

    def _inspect_all(self, found: list[Recognised], drawing: dict[str, Json]) -> dict[str, Json]:
        first = next((one for one in found if one.error is None), None)
        if first is None:
            raise found[0].error
        entries = [self._entry(one) for one in found]
        if first.molecule is None:
            return {**self._entry(first), "recognised": entries}
        molecule = first.molecule
        facts = compute_facts(molecule)
        report = normalise(molecule, entered=first.source if first.kind == "smiles" else None)
        return {
            **self._entry(first),
            "recognised": entries,
            "facts": facts.to_dict(),
            "svg": draw_svg(molecule, **_drawing_options(drawing)),
            "molblock": to_molblock(molecule),
            "normalisation": {
                "smiles": report.molecule.smiles,
                "changes": [vars(change) for change in report.changes],
            },
            "stereo": stereo_sentence(facts) + _of_several(first.source),
            "analysis": asdict(analysis_of(molecule, facts)),
        }

    def _entry(self, one: Recognised) -> dict[str, Json]:
        molecule, reaction = one.molecule, one.reaction
        return {
            "kind": one.kind,
            "source": one.source,
            **(self._molecule(molecule) if molecule else {"smiles": None, "name": None}),
            "reaction": self._reaction(reaction) if reaction else None,
            "error": error_to_json(one.error) if one.error else None,
        }

    def _molecule(self, molecule: Molecule) -> dict[str, Json]:
        return {"smiles": molecule.smiles, "name": molecule.name or self._names.name_of(molecule)}

    def _reaction(self, reaction: Reaction) -> dict[str, Json]:
        roles = ("reactants", "agents", "products")
        return {
            "smiles": reaction.smiles,
            **{role: [self._molecule(m) for m in getattr(reaction, role)] for role in roles},
        }


def _of_several(written: str) -> str:
    return "; of a racemate or of several isomers, the one drawn" * stands_for_several(written)


def _row(smiles: str, width: int, height: int) -> dict[str, Json]:
    try:
        molecule = Molecule.parse(smiles)
        return {
            "facts": compute_facts(molecule).to_dict(),
            "svg": slim(draw_svg(molecule, width=width, height=height)),
            "molblock": to_molblock(molecule),
        }
    except AssistantError as error:
        return {"error": error_to_json(error)}
    except RuntimeError as error:  # RDKit's own invariants: its text is for developers
        failed = InvalidMoleculeError(
            f"RDKit cannot handle this molecule ({type(error).__name__})."
        )
        return {"error": error_to_json(failed)}


def _drawing_options(drawing: dict[str, Json]) -> dict[str, int | bool | list[str]]:
    return {
        "width": int(drawing.get("width") or 320),
        "height": int(drawing.get("height") or 240),
        "numbers": bool(drawing.get("numbers")),
        "notes": [str(note)[:MAX_NOTE] for note in drawing.get("notes") or ()],
        "dark": bool(drawing.get("dark")),
    }


def answer(tasks: Tasks, line: bytes) -> dict[str, Json]:
    """The answer to one request line."""
    request = json.loads(line)
    try:
        return {"result": tasks.run(request["task"], request["payload"])}
    except AssistantError as error:
        return {"error": error_to_json(error)}
    except MemoryError:
        error = ChemistryTimeoutError(
            "This needed more memory than is allowed and was stopped. A smaller molecule may work."
        )
        return {"error": error_to_json(error)}
    except RuntimeError as error:  # RDKit's own invariants: its text is for developers
        failure = InvalidMoleculeError(
            f"RDKit cannot handle this molecule ({type(error).__name__})."
            " Check charges and unusual bonds."
        )
        return {"error": error_to_json(failure)}


def limit_memory(n_bytes: int) -> None:
    """Caps the address space where the system honours that (Linux); the hard limit stays."""
    if n_bytes <= 0 or sys.platform != "linux":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, hard))


def private_stdout() -> BinaryIO:
    """The answer pipe under a number of its own, so that nothing printed by a library gets in."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return pipe


def serve(tasks: Tasks, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers until the requests end; the first line says that the child is ready."""
    answers.write(b"{}\n")
    answers.flush()
    for line in requests:
        answers.write(json.dumps(answer(tasks, line)).encode() + b"\n")
        answers.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the child."""
    parser = argparse.ArgumentParser(prog="assistant.chem.worker", description=__doc__)
    parser.add_argument("--memory-bytes", type=int, default=0)
    parser.add_argument("--names", type=Path, default=None)
    options = parser.parse_args(arguments)
    answers = private_stdout()
    limit_memory(options.memory_bytes)
    tasks = Tasks(NameTable.load(options.names))
    tasks.inspect(
        WARM_UP
    )  # loads every catalogue once, so that the first answer is as quick as all
    serve(tasks, sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
