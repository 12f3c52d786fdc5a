"""The file of the history: where it lies, its tables, and what is done with one that is damaged.

SQLite in WAL mode, each commit flushed to the disk, so what was committed survives `kill -9` and a
power cut. The connection keeps the file locked: a second assistant on the same file would take the
first one's running answers for dead.
"""

import contextlib
import os
import sqlite3
import sys
import time
from pathlib import Path

from assistant.errors import HistoryError

FILE_NAME = "history.sqlite3"
APPLICATION_ID = 0x4D4F4C43  # "MOLC", in the file's header
VERSION = 1
HEADER = b"SQLite format 3\0"
CACHE_KIB = 8192

SCHEMA = """
CREATE TABLE conversation (
    id TEXT PRIMARY KEY,
    visitor TEXT NOT NULL,
    title TEXT NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    deleted REAL,
    head INTEGER,
    next_number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX conversation_by_visitor ON conversation (visitor, deleted, updated, id);

CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL REFERENCES conversation ON DELETE CASCADE,
    parent INTEGER REFERENCES message,
    state TEXT NOT NULL CHECK (state IN ('done', 'running', 'failed')),
    seen INTEGER NOT NULL DEFAULT 1,
    created REAL NOT NULL,
    text TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX message_by_conversation ON message (conversation, id);
CREATE INDEX message_by_parent ON message (parent);
CREATE INDEX message_by_state ON message (state) WHERE state = 'running';
CREATE INDEX message_unseen ON message (conversation) WHERE seen = 0;

CREATE TABLE chosen (
    conversation TEXT NOT NULL REFERENCES conversation ON DELETE CASCADE,
    parent INTEGER NOT NULL,
    child INTEGER NOT NULL REFERENCES message ON DELETE CASCADE,
    PRIMARY KEY (conversation, parent)
) STRICT, WITHOUT ROWID;
CREATE INDEX chosen_by_child ON chosen (child);

CREATE TABLE molecule (
    conversation TEXT NOT NULL REFERENCES conversation ON DELETE CASCADE,
    number INTEGER NOT NULL,
    smiles TEXT NOT NULL,
    name TEXT,
    role TEXT,
    PRIMARY KEY (conversation, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX molecule_by_smiles ON molecule (smiles, conversation);
"""


class ForeignFileError(Exception):
    """The file is no history of this program, or is damaged; the text says which."""


def user_data_directory() -> Path:
    """The folder for a program's data where this system keeps them."""
    home = Path.home()
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "molecule-chat"


def open_file(directory: Path) -> tuple[sqlite3.Connection, str]:
    """The database in a folder, made where there is none, and a sentence if one was set aside.

    Raises:
        HistoryError: The folder cannot be used, another assistant holds the file, or a newer
            version of this program wrote it. Nothing is changed then.
    """
    path = directory / FILE_NAME
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            return _open(path), ""
        except ForeignFileError as problem:
            aside = set_aside(path)
            notice = (
                f"{path} {problem}. It was kept as {aside.name} in the same folder, and a new "
                "history was begun."
            )
            return _open(path), notice
    except OSError as error:
        reason = error.strerror or str(error)
        raise HistoryError(
            f"The history cannot be kept in {directory}: {reason}. Choose another folder with "
            "--history DIR, or keep nothing with --no-history."
        ) from error


def open_memory() -> sqlite3.Connection:
    """A database that ends with the program and is never written to a disk."""
    connection = _connect(":memory:")
    _set_up(connection)
    _make_tables(connection)
    return connection


def set_aside(path: Path) -> Path:
    """Renames a file and what belongs to it, and gives the new name."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.set-aside-{stamp}")
    while aside.exists():
        aside = aside.with_name(f"{aside.name}x")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    return aside


def _open(path: Path) -> sqlite3.Connection:
    if path.exists() and path.stat().st_size > 0 and not _has_header(path):
        raise ForeignFileError("is no history of this program")
    connection = _connect(str(path))
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _set_up(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")  # takes the lock and keeps it
        connection.execute("COMMIT")
        if _is_empty(connection):
            _make_tables(connection)
            if os.name != "nt":
                path.chmod(0o600)
        _check(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        if "locked" in str(error) or "busy" in str(error):
            raise HistoryError(
                f"The history in {path.parent} is in use by another assistant that is running. End "
                "that one, or choose another folder with --history DIR."
            ) from error
        raise OSError(f"SQLite says “{error}”") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise ForeignFileError(f"is damaged (SQLite says “{error}”)") from error
    except (ForeignFileError, HistoryError):
        connection.close()
        raise
    return connection


def _is_empty(connection: sqlite3.Connection) -> bool:
    """A new file, or one whose first moment was cut short."""
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    return owner == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _has_header(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


def _connect(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(name, timeout=0.5, check_same_thread=False, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.create_function("fold", 1, str.casefold, deterministic=True)
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    for setting in (
        "foreign_keys = ON",
        "synchronous = FULL",
        "secure_delete = ON",
        f"cache_size = -{CACHE_KIB}",
        "trusted_schema = OFF",
    ):
        connection.execute(f"PRAGMA {setting}")


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.executescript(
        f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; {SCHEMA}"
        f"PRAGMA user_version = {VERSION}; COMMIT;"
    )


def _check(connection: sqlite3.Connection) -> None:
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if owner != APPLICATION_ID:
        raise ForeignFileError("is a database of another program")
    if version > VERSION:
        raise HistoryError(
            f"The history was written by a newer version of this program (format {version}; this "
            f"one reads {VERSION}). Update it, or choose another folder with --history DIR."
        )
    said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        raise ForeignFileError(f"is damaged ({said})")
