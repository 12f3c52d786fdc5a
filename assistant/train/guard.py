"""What a directory's run is trained by, noted once: a run goes on only by what it was begun by."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from assistant.checkpoint import write_json
from assistant.errors import AssistantError

NOTE = "recipe.json"


def refuse_another(
    directory: Path,
    values: Mapping[str, object],
    *,
    may_change: Collection[str] = (),
    note: str = NOTE,
    writes: bool = True,
) -> None:
    """Notes the settings of a directory's run, or compares them with what was noted.

    Args:
        directory: Of the run.
        values: Recipe, and hashes of what else decides the result, as JSON can hold them; a path is
            noted as its text.
        may_change: Names whose values may differ from one start to the next (`stage.lr` for a
            value within a value); the latest ones are noted.
        note: Name of the file.
        writes: Whether this process notes them; the others of a run compare only.

    Raises:
        AssistantError: Names each setting that differs, or the file that is no such note.
    """
    kept, own = directory / note, json.loads(json.dumps(values, default=Path.as_posix))
    if kept.is_file():
        try:
            known = json.loads(kept.read_text(encoding="utf-8"))
        except ValueError as error:
            raise AssistantError(
                f"{kept} is not what a run notes of itself ({error}). Name another directory with"
                " --run."
            ) from error
        changed = sorted(set(differences(known, own)) - set(may_change))
        if changed:
            raise AssistantError(
                f"{directory} holds a run with other settings ({', '.join(changed)}). Name another"
                " directory with --run, or go on with the same ones."
            )
    if writes:
        write_json(kept, own)


def differences(known: object, now: object, where: str = "") -> Iterator[str]:
    """Names of the settings that differ; those of a part called `recipe` stand without it."""
    if isinstance(known, dict) and isinstance(now, dict):
        for key in sorted(known.keys() | now.keys()):
            name = f"{where}.{key}" if where else key
            yield from differences(known.get(key), now.get(key), name.removeprefix("recipe."))
    elif known != now:
        yield where
