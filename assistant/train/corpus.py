"""The molecules and outside questions that the dialogues are written about.

Reads the files of a data directory (the model card says what they are and where they are public);
facts are computed once and kept in the run directory.
"""

import gzip
import json
import logging
import pickle
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from assistant.chem.facts import Facts, compute_facts
from assistant.chem.molecule import Molecule
from assistant.chem.names import NameTable
from assistant.errors import AssistantError
from assistant.rows import read_table
from assistant.train import licences, wording
from assistant.train.view import OutsideQuestions

log = logging.getLogger(__name__)

MAX_HEAVY_ATOMS = 100
"""Longer cards and SMILES cost context without teaching anything new."""
_DIVERSE = frozenset({"chebi20", "names", "captions"})
"""Sources of the corpus with drugs, metabolites, lipids, sugars, salts; all of them are taken."""

_OFF_TOPIC_FILES = (
    ("text/clinc150_queries.jsonl.gz", "text"),
    ("text/banking77_queries.jsonl.gz", "text"),
    ("text/medquad_qa.jsonl.gz", "question"),
)
_CHEMISTRY_FILES = (("text/openstax_chemistry2e_exercises.jsonl.gz", None),)


def molecules_with_facts(
    data: Path,
    keep: Path,
    *,
    n: int,
    seed: int,
    workers: int = 1,
    licensed_only: bool = False,
) -> list[tuple[Molecule, Facts]]:
    """Named molecules and a random part of the unlabelled corpus, each with its facts.

    Args:
        data: Directory with `smiles_corpus/`.
        keep: File of this run that holds the result; read when it exists. It is our own file,
            written by this function, and never comes from elsewhere.
        n: Molecules to take from the corpus, beside the name table.
        seed: Chooses them.
        workers: Processes.
        licensed_only: Takes molecules of clearly licensed sources only.
    """
    if keep.is_file():
        return pickle.loads(keep.read_bytes())
    named = [(entry.smiles, entry.name) for entry in NameTable.load().entries]
    molecules = list(corpus_molecules(data, licensed_only=licensed_only))
    corpus = _chosen(molecules, n, random.Random(seed))
    wanted = [*named, *((smiles, None) for smiles in corpus)]
    with ProcessPoolExecutor(workers) as pool:
        found = [pair for pair in pool.map(_facts_of, wanted, chunksize=200) if pair is not None]
    keep.parent.mkdir(parents=True, exist_ok=True)
    keep.write_bytes(pickle.dumps(found))
    log.info("%d molecules with facts, %d of them named", len(found), len(named))
    return found


def corpus_molecules(
    data: Path, *, licensed_only: bool = False
) -> Iterator[tuple[str, frozenset[str]]]:
    """SMILES and sources of the unlabelled molecules.

    Args:
        data: Directory with `smiles_corpus/`.
        licensed_only: Leaves out those without a source that is clearly licensed.

    Raises:
        AssistantError: There is no such directory, or no table in it.
    """
    files = sorted((data / "smiles_corpus").glob("*.csv.gz"))
    if not files:
        raise AssistantError(
            f"No smiles_corpus/*.csv.gz under {data}; give the data directory with --data."
        )
    for path in files:
        for row in read_table(path, required=("smiles", "sources")):
            sources = frozenset(row.text("sources").split("|"))
            if not licensed_only or licences.clear_names("corpus", sources):
                yield row.text("smiles"), sources


def _chosen(corpus: list[tuple[str, frozenset[str]]], n: int, rng: random.Random) -> list[str]:
    """The diverse sources, at most half of `n`, and others at random."""
    diverse = [smiles for smiles, sources in corpus if sources & _DIVERSE]
    others = [smiles for smiles, sources in corpus if not sources & _DIVERSE]
    chosen = rng.sample(diverse, min(len(diverse), n // 2))
    return chosen + rng.sample(others, min(len(others), n - len(chosen)))


def _facts_of(entry: tuple[str, str | None]) -> tuple[Molecule, Facts] | None:
    smiles, name = entry
    try:
        molecule = Molecule.parse(smiles, name=name)
        facts = compute_facts(molecule)
    except AssistantError:
        return None
    return (molecule, facts) if 1 <= facts.heavy_atoms <= MAX_HEAVY_ATOMS else None


def outside_questions(
    data: Path, keep: Path, *, seed: int, licensed_only: bool = False
) -> OutsideQuestions:
    """Questions that are not about a molecule at hand, to learn to say so.

    Args:
        data: Data directory.
        keep: File of this run that holds the result; read when it exists.
        seed: Orders them.
        licensed_only: Reads files with a clear licence only.
    """
    if keep.is_file():
        return json.loads(keep.read_text(encoding="utf-8"))
    rng = random.Random(seed)
    off_topic, chemistry = (
        [
            text
            for name, key in files
            if not licensed_only or licences.licence_of("text", text_source(name)).clear
            for text in _texts(data / name, key)
        ]
        for files in (_OFF_TOPIC_FILES, _CHEMISTRY_FILES)
    )
    rng.shuffle(off_topic)
    questions = {
        "off_topic": [*off_topic, *wording.OFF_TOPIC * 20],  # hundreds beside 30,000
        "general_chemistry": [*chemistry, *wording.GENERAL_CHEMISTRY * 2],
    }
    keep.write_text(json.dumps(questions), encoding="utf-8")
    return questions


def text_source(name: str) -> str:
    """The name of a text file in the table of licences."""
    return Path(name).name.partition(".")[0]


def question_sources() -> list[str]:
    """The files that `outside_questions` reads, as the table of licences names them."""
    return [text_source(name) for name, _ in (*_OFF_TOPIC_FILES, *_CHEMISTRY_FILES)]


def _texts(path: Path, key: str | None) -> Iterator[str]:
    """One text per record; without a key the first of the usual question fields."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            text = (
                row[key]
                if key
                else row.get("exercise") or row.get("problem") or row.get("question") or ""
            )
            if 8 <= len(text) <= 200:
                yield text.strip()
