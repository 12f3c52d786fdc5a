"""A Jupyter notebook that computes the facts again with RDKit and asks the questions again.

Written as nbformat 4.5 JSON. What the conversation holds enters as string literals only, so that
nothing of it can become code.
"""

import hashlib
import json

from assistant.chat.conversation import Message
from assistant.export.exchange import to_json
from assistant.export.markdown import literal
from assistant.export.source import Export

_FACTS = """\
# The same facts as on the page, computed here by RDKit alone.
from rdkit import Chem, rdBase
from rdkit.Chem import Crippen, Descriptors, QED, rdMolDescriptors


def facts_of(smiles):
    mol = Chem.MolFromSmiles(smiles)
    return {
        "inchikey": Chem.MolToInchiKey(mol),
        "formula": rdMolDescriptors.CalcMolFormula(mol, separateIsotopes=True),
        "average_mass": Descriptors.MolWt(mol),
        "exact_mass": Descriptors.ExactMolWt(mol),
        "charge": Chem.GetFormalCharge(mol),
        "heavy_atoms": mol.GetNumHeavyAtoms(),
        "clogp": Crippen.MolLogP(mol),
        "tpsa": rdMolDescriptors.CalcTPSA(mol),
        "hbd": rdMolDescriptors.CalcNumHBD(mol),
        "hba": rdMolDescriptors.CalcNumHBA(mol),
        "rotatable_bonds": rdMolDescriptors.CalcNumRotatableBonds(mol),
        "aromatic_rings": rdMolDescriptors.CalcNumAromaticRings(mol),
        "fsp3": rdMolDescriptors.CalcFractionCSP3(mol),
    }


def is_equal(now, then):
    return abs(now - then) < 1e-6 if isinstance(now, float) else now == then


facts = {number: facts_of(smiles) for number, smiles in smiles_of.items()}
different = {
    (number, key): (then[key], facts[number][key])
    for number, then in facts_then.items()
    for key in facts[number]
    if not is_equal(facts[number][key], then[key])
}
print("RDKit", rdBase.rdkitVersion)
print("all facts are the same" if not different else different)
"""
_DRAW = """\
from rdkit.Chem import Draw

Draw.MolsToGridImage(
    [Chem.MolFromSmiles(smiles) for smiles in smiles_of.values()],
    legends=[str(number) for number in smiles_of],
)
"""
_REPLAY = """\
# Asks every question again. Run this notebook in the folder of Molecule Chat, with its Python.
# `bundle` may name a directory; None looks below checkpoints/ for the bundle of the passports.
from assistant.replay import replay_text

for report in replay_text(exported, bundle=None):
    print(report)
"""


def to_notebook(export: Export) -> str:
    """The notebook as text."""
    exported = to_json(export)
    smiles_of = {record.number: record.entry.molecule.smiles for record in export.records}
    facts = {record.number: record.look.facts.to_dict() for record in export.records}
    kept = {
        number: {key: value for key, value in values.items() if not isinstance(value, list)}
        for number, values in facts.items()
    }
    cells = [
        _text(
            f"# {literal(export.title)}\n\n"
            f"Molecule Chat, exported {export.written:%Y-%m-%d %H:%M}. The first part computes the"
            " facts again with RDKit, the last part asks the questions again and compares."
        ),
        _code(f"smiles_of = {_literal(smiles_of)}\nfacts_then = {_literal(kept)}"),
        _code(_FACTS.rstrip()),
        _code(_DRAW.rstrip()),
    ]
    for turn in export.turns:
        answer = f"\n\n{_answer_text(turn.answer)}" if turn.answer else ""
        cells.append(_text(f"**{turn.number}.** {literal(turn.question.text)}{answer}"))
    cells += [_code(f"exported = {exported!r}"), _code(_REPLAY.rstrip())]
    notebook = {
        "cells": [{"id": _cell_id(i, cell), **cell} for i, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _answer_text(answer: Message) -> str:
    """An answer, and below it what it was before it was written again."""
    if answer.first_attempt is None:
        return literal(answer.text)
    first = answer.first_attempt
    return f"{literal(answer.text)}\n\n*{literal(first.heading)}:* {literal(first.text)}"


def _literal(values: dict[int, object]) -> str:
    """A mapping as Python source, one entry a line; plain numbers, strings and None only."""
    rows = "".join(f"    {key!r}: {value!r},\n" for key, value in values.items())
    return f"{{\n{rows}}}" if rows else "{}"


def _text(source: str) -> dict[str, object]:
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


def _code(source: str) -> dict[str, object]:
    return {
        "cell_type": "code",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }


def _cell_id(place: int, cell: dict[str, object]) -> str:
    digest = hashlib.sha256("".join(cell["source"]).encode()).hexdigest()
    return f"{place}-{digest[:8]}"
