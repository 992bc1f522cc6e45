"""The store: one SQLite database, opened with its schema up to date.

It uses SQLAlchemy Core and SQLite's write-ahead mode, so readers never wait for the writer. Each table has
its own module; the schema comes from the Alembic revisions in ``migrations``.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from insource.foundation.errors import ConfigError, InsourceError, IntegrityError, PrerequisiteError
from insource.store.migrations import HEAD

METADATA = MetaData()

_IMMEDIATE = "insource_immediate"


class Database:
    """An open store.

    It can be shared between threads; each ``read`` and ``write`` uses its own connection.
    """

    def __init__(self, engine: Engine, path: Path) -> None:
        self.path = path
        self._engine = engine
        self._writer = engine.execution_options(**{_IMMEDIATE: True})
        self._file = _identity(path)
        self._reopening = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read transaction with a consistent view of the store.

        Raises:
            InsourceError: ``store-locked``, ``store-unwritable``, ``store-full`` or ``store-corrupt``.
        """
        self._follow_file()
        with _translated(self.path), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that is committed at the end of the block and rolled back when the block raises.

        The write lock is taken at the start, so nothing read inside can be changed by another writer.

        Raises:
            InsourceError: as ``read``.
        """
        self._follow_file()
        with _translated(self.path), self._writer.begin() as connection:
            yield connection

    def rewrite(self) -> None:
        """Rewrite the file without deleted content, and empty the write-ahead log.

        This needs free space for a second copy of the store, and blocks other writers.

        Raises:
            InsourceError: as ``read``; ``store-locked`` also while another connection reads.
        """
        self._outside_transactions("VACUUM")
        self.empty_write_ahead_log()

    def empty_write_ahead_log(self) -> None:
        """Move the whole write-ahead log into the store's file.

        Raises:
            InsourceError: as ``read``; ``store-locked`` also while another connection reads.
        """
        busy, *_ = self._outside_transactions("PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            raise _locked(self.path)

    def used_bytes(self) -> int:
        """Return the size of the store's file in bytes, without free pages."""
        with self.read() as connection:
            pages, free, size = (
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    def identity(self) -> int:
        """Return a number that is this store's own: it stays in copies, and a new store has another.

        It is drawn when it is first asked for, and kept in the header of the file.

        Raises:
            InsourceError: as ``write``.
        """
        with self.read() as connection:
            found = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
        if found:
            return found
        drawn = 1 + secrets.randbelow(2**31 - 1)
        with self.write() as connection:
            connection.exec_driver_sql(f"PRAGMA application_id = {drawn}")
        return drawn

    def _follow_file(self) -> None:
        """Reopen the store when its file was deleted or replaced.

        SQLite would keep writing to the unlinked file, and those writes would be lost without an error.
        """
        if _identity(self.path) == self._file:
            return
        with self._reopening:
            if _identity(self.path) != self._file:
                self._engine.dispose()
                _make_file(self.path)
                self._file = _identity(self.path)
                _bring_up_to_date(self)

    def _outside_transactions(self, statement: str) -> tuple[int, ...]:
        with _translated(self.path):
            raw = self._engine.raw_connection()
            try:
                cursor = raw.cursor()
                try:
                    return tuple(cursor.execute(statement).fetchone() or ())
                except sqlite3.Error as error:
                    raise DBAPIError(statement, None, error) from error
            finally:
                raw.close()

    @contextmanager
    def write_raw(self) -> Iterator[sqlite3.Connection]:
        """As ``write``, with the driver's own connection, for the few statements that run in every served
        call.

        Raises:
            InsourceError: as ``read``.
        """
        with _translated(self.path):
            pooled = self._engine.raw_connection()
            try:
                raw = pooled.driver_connection
                assert isinstance(raw, sqlite3.Connection)
                raw.execute("BEGIN IMMEDIATE")
                with raw:  # commits, or rolls back when the block raises
                    yield raw
            finally:
                pooled.close()

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_database(
    path_or_url: Path | str,
    *,
    busy_timeout_s: float = 5.0,
    synchronous: Literal["FULL", "NORMAL"] = "FULL",
) -> Database:
    """Open the store; create it (mode 0600) or migrate its schema if needed.

    Args:
        path_or_url: a file, or ``sqlite:///file``.
        busy_timeout_s: how long to wait for another process's write, in seconds.
        synchronous: whether a commit survives a power cut (``FULL``), or only the death of the process.

    Raises:
        ConfigError: ``store-url`` for any other database.
        PrerequisiteError: ``store-locked``, ``store-unwritable``, ``store-full`` or ``store-newer``.
        IntegrityError: ``store-corrupt``.
    """
    path = _file_of(path_or_url)
    _make_file(path)
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": busy_timeout_s})
    event.listen(engine, "connect", functools.partial(_configure, synchronous))
    event.listen(engine, "begin", _begin)
    database = Database(engine, path)
    try:
        _bring_up_to_date(database)
    except BaseException:
        database.close()
        raise
    return database


def _make_file(path: Path) -> None:
    """Make the file for its owner alone, unless it is there; SQLite gives -wal and -shm the same mode.

    A file that is there is not opened: to close it would drop the locks of every connection that this process
    has to it (POSIX), and another process would take itself for the last one and remove the write-ahead log.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        if path.is_file() and not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _file_of(path_or_url: Path | str) -> Path:
    if isinstance(path_or_url, Path) or "://" not in path_or_url:
        return Path(path_or_url).absolute()
    try:
        url = make_url(path_or_url)
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() != "sqlite" or not url.database:
        raise ConfigError(
            "store-url",
            f"The store {url.render_as_string() if url else path_or_url} does not name a SQLite file.",
            hint="Use a file, or sqlite:///path/to/insource.db.",
        )
    return Path(url.database).absolute()


def _configure(synchronous: str, connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # ``_begin`` starts transactions, not the driver
    connection.execute("PRAGMA foreign_keys = ON")
    # A spool segment is deleted once its rows are committed, so a commit has to survive a power cut;
    # in write-ahead mode NORMAL would not promise that (sqlite.org/pragma.html#pragma_synchronous).
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    # Overwrite deleted content, so that purged calls leave no bytes
    connection.execute("PRAGMA secure_delete = ON")


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _bring_up_to_date(database: Database) -> None:
    with database.read() as connection:
        if _schema_version(connection) == HEAD:
            return
    database._outside_transactions("PRAGMA journal_mode = WAL")  # a persistent property of the file
    with database.write() as connection:
        version = _schema_version(connection)  # another process may have migrated it meanwhile
        if version != HEAD:
            _migrate(connection, version, database.path)


def _schema_version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(connection: Connection, version: str | None, path: Path) -> None:
    # Imported here because Alembic is slow to load and needed only once per schema.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "insource.store:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise PrerequisiteError(
            "store-newer",
            f"The store {path} was written by a newer Insource (schema {version}, this one knows {HEAD}).",
            hint="Update: pip install -U insource",
        ) from error


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        known = _known_failure(path, error.orig if isinstance(error, DBAPIError) else error)
        if known is None:
            raise
        raise known from error


def _known_failure(path: Path, cause: BaseException | None) -> InsourceError | None:
    name = getattr(cause, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return _locked(path)
    if name.startswith("SQLITE_FULL"):
        return PrerequisiteError(
            "store-full",
            f"The disk is full: the store {path} cannot grow.",
            hint=f"Free some space (df -h {path.parent}) and run the command again; calls wait in the spool.",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_IOERR")):
        return _unwritable(path, str(cause))
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return IntegrityError(
            "store-corrupt",
            f"The store {path} is damaged: {cause}.",
            hint=f"Move it away and start a new one: mv {path} {path}.damaged; "
            f"recover what is readable with: sqlite3 {path}.damaged .recover",
        )
    return None


def _locked(path: Path) -> PrerequisiteError:
    return PrerequisiteError(
        "store-locked",
        f"The store {path} is locked by another process.",
        hint=f"Wait for that process or end it (find it with: fuser {path}), then run the command again.",
    )


def _unwritable(path: Path, reason: str) -> PrerequisiteError:
    return PrerequisiteError(
        "store-unwritable",
        f"The store {path} cannot be opened for writing: {reason}.",
        hint=f"Allow writing to {path.parent}, or choose another folder.",
    )
