"""Reaction templates: what changes in a reaction, taken from one example and applied to others.

A template is a SMARTS "product>>reactants" around the atoms that change, extracted from a mapped
reaction and applied with its stereochemistry by rdchiral (Coley et al. 2019,
doi 10.1021/acs.jcim.9b00286). The map is a heuristic (`atom_map`), so a template counts only if it
gives the reactants of its own reaction back.

rdchiral takes milliseconds for each match, and there may be many, so molecules of untrusted input
go through `SandboxedTemplates`.
"""

import random
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rdkit import Chem

from assistant.chem.atom_map import mapped_reaction
from assistant.chem.on_demand import PoolOnDemand
from assistant.chem.quiet import quiet_rdkit
from assistant.chem.sandbox import ChemPool

if TYPE_CHECKING:
    from types import ModuleType

    from rdchiral.initialization import rdchiralReactants, rdchiralReaction
    from rdkit.Chem.rdChemReactions import ChemicalReaction

TEMPLATE_SECONDS = 1.5  # for all templates of one call

_ARROW = ">>"
_MOST_OUTCOMES = 20
_MOST_ATOMS = 10_000  # in all matches of one template: 250 matches at 40 atoms, most of a second

# What rdchiral raises on molecules and templates that it was not written for: RDKit's refusals
# (ValueError, RuntimeError; TypeError for a fragment that did not parse), atoms without the number
# or the neighbour it looks for (LookupError), a chirality other than tetrahedral (NameError).
_FAILURES = (AttributeError, LookupError, NameError, RuntimeError, TypeError, ValueError)

# A compiled template is written to while it is applied.
_lock = threading.Lock()


def template_of(reactants: str, product: str) -> str | None:
    """The retrosynthetic template "product>>reactants" of a reaction of canonical SMILES.

    None where there is none that gives the reactants back when it is applied to the product;
    reagents which give no atom do not count.
    """
    made, given = _canonical(product), _canonical(reactants)
    if made is None or given is None:
        return None
    mapped = mapped_reaction(given, made)
    with _lock, quiet_rdkit():
        template = _extracted(mapped)
    if template is None:
        return None
    expected = _canonical(mapped.partition(_ARROW)[0])
    return template if expected in outcomes(made, template, forward=False) else None


def outcomes(smiles: str, template: str, *, forward: bool) -> tuple[str, ...]:
    """Canonical SMILES of what a template makes, sorted; () where it does not fit or is broken.

    Args:
        smiles: A product, or forward the mixture of reactants and reagents.
        template: "product>>reactants", as `template_of` gives it.
        forward: Whether to go from the reactants to the product.
    """
    with _lock, quiet_rdkit():
        found = _applied(_directed(template, forward=forward), smiles)
        canonical = {_canonical(one) for one in found} - {None, ""}
    return tuple(sorted(canonical)[:_MOST_OUTCOMES])


def outcomes_in_time(
    smiles: str, templates: Sequence[str], *, forward: bool, seconds: float = TEMPLATE_SECONDS
) -> tuple[tuple[str, ...], ...]:
    """The outcomes of each template; () for those that the time did not suffice for."""
    end = time.monotonic() + seconds
    return tuple(
        outcomes(smiles, template, forward=forward) if time.monotonic() < end else ()
        for template in templates
    )


class SandboxedTemplates:
    """Applies templates in a killable child; safe to call from several threads.

    Args:
        pool: Children to use; one of its own is started when none is given.
    """

    def __init__(self, pool: ChemPool | None = None) -> None:
        self._pool = PoolOnDemand(pool)

    def __call__(
        self, smiles: str, templates: Sequence[str], *, forward: bool
    ) -> tuple[tuple[str, ...], ...]:
        """The outcomes of each template, see `outcomes_in_time`.

        Raises:
            InvalidMoleculeError: The SMILES is none.
            InputTooLargeError: It is over a cap of `limits`.
            ChemistryTimeoutError: One template took much too long.
            QueueFullError: The children are busy.
        """
        answer = self._pool.call(
            "outcomes", smiles=smiles, templates=list(templates), forward=forward
        )
        return tuple(tuple(found) for found in answer["outcomes"])


class _Rdchiral(NamedTuple):
    """Its modules by what they are used for."""

    initialization: "ModuleType"
    main: "ModuleType"
    clean: "ModuleType"
    extractor: "ModuleType"


@cache
def _rdchiral() -> _Rdchiral:
    """rdchiral, imported when it is first needed: it takes a thirtieth of a second."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in its source, when that is compiled
        from rdchiral import chiral, clean, initialization, main, template_extractor

    for module in (chiral, template_extractor):
        module.print = _say_nothing  # both print what they stumble over
    return _Rdchiral(initialization, main, clean, template_extractor)


def _say_nothing(*_: object, **__: object) -> None:
    """In the place of `print`."""


def _extracted(mapped: str) -> str | None:
    """The template of a mapped reaction, unchecked."""
    reactants, _, product = mapped.partition(_ARROW)
    extractor = _rdchiral().extractor
    extractor.shuffle = random.Random(0).shuffle  # the same reaction, the same template
    try:
        found = extractor.extract_from_reaction(
            {"_id": 0, "reactants": reactants, "products": product}
        )
    except _FAILURES:
        return None
    return (found or {}).get("reaction_smarts")


def _directed(template: str, *, forward: bool) -> str:
    """The template as it is run: all that goes in is one molecule, hence the parentheses."""
    product, _, reactants = template.partition(_ARROW)
    return f"({reactants}){_ARROW}{product}" if forward else f"({product}){_ARROW}{reactants}"


def _applied(directed: str, smiles: str) -> set[str]:
    """What rdchiral makes of it."""
    reaction, given = _compiled(directed), _prepared(smiles)
    if reaction is None or given is None:
        return set()
    rdchiral = _rdchiral()
    try:
        found = rdchiral.main.rdchiralRun(reaction, given, combine_enantiomers=False)
        return rdchiral.clean.combine_enantiomers_into_racemic(_SortedSet(found))
    except _FAILURES:
        return set()


@lru_cache(maxsize=4096)  # 30 kB each, and made in half a millisecond
def _compiled(directed: str) -> "rdchiralReaction | None":
    try:
        reaction = _rdchiral().initialization.rdchiralReaction(directed)
    except _FAILURES:
        return None
    reaction.rxn = _Capped(reaction.rxn)
    return reaction


@lru_cache(maxsize=8)
def _prepared(smiles: str) -> "rdchiralReactants | None":
    try:
        return _rdchiral().initialization.rdchiralReactants(smiles)
    except _FAILURES:
        return None


class _Capped:
    """An RDKit reaction in rdchiral's hands, which itself has no cap on the matches."""

    def __init__(self, reaction: "ChemicalReaction") -> None:
        self._reaction = reaction

    def RunReactants(self, reactants: tuple[Chem.Mol, ...]) -> tuple[tuple[Chem.Mol, ...], ...]:
        """As RDKit's, but at most `_MOST_ATOMS` come out, as far as atoms neither come nor go."""
        n_atoms = max(1, sum(mol.GetNumAtoms() for mol in reactants))
        return self._reaction.RunReactants(reactants, maxProducts=max(1, _MOST_ATOMS // n_atoms))


class _SortedSet(set[str]):
    """A set that is gone through in order: joining enantiomers depends on which comes first."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(super().__iter__()))


def _canonical(smiles: str) -> str | None:
    with quiet_rdkit():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        return None
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    return Chem.MolToSmiles(mol)
