"""An SD file of all molecules: wedged drawings, and number, name and facts as properties."""

from collections.abc import Mapping

from assistant.chat.card import CardLine, card_lines
from assistant.chem.facts import Facts
from assistant.export.source import Export, MoleculeRecord

_IN_WORDS = ("stereocentres", "double_bonds")  # "1 of 2 set" says more than the 2


def to_sdf(export: Export) -> str:
    """The molecules of a conversation in their order."""
    return "".join(
        sd_record(record.look.molblock, record.title, _properties(record))
        for record in export.records
    )


def sd_record(molblock: str, title: str, properties: Mapping[str, str]) -> str:
    """One record; values are kept on one line, as a blank line would end them.

    Args:
        molblock: A molfile; its title line is replaced.
        title: The record's name.
        properties: Values by field name.
    """
    _, _, body = molblock.partition("\n")
    block = f"{_one_line(title)[:80]}\n{body.rstrip()}\n"
    fields = "".join(
        f">  <{name}>\n{_one_line(value)}\n\n"
        for name, value in properties.items()
        if value.strip()
    )
    return f"{block}{fields}$$$$\n"


def _properties(record: MoleculeRecord) -> dict[str, str]:
    molecule, facts = record.entry.molecule, record.look.facts
    return {
        "NUMBER": str(record.number),
        "NAME": molecule.name or "",
        "ROLE": record.entry.role or "",
        **fact_properties(facts),
    }


def fact_properties(facts: Facts) -> dict[str, str]:
    """The facts by field name: numbers without unit, so that other programs can sort by them."""
    return {
        "SMILES": facts.smiles,
        "INCHIKEY": facts.inchikey,
        **{line.key.upper(): _plain(facts, line) for line in card_lines(facts)},
    }


def _plain(facts: Facts, line: CardLine) -> str:
    value = None if line.key in _IN_WORDS else getattr(facts, line.key, None)
    if isinstance(value, float):
        return f"{value:.4f}"
    return str(value) if isinstance(value, int) else line.value


def _one_line(text: str) -> str:
    flat = " ".join(text.split())
    return f" {flat}" if flat.startswith((">", "$$$$")) else flat
