"""Read and write the reviews file: one decision a line, sorted, so that a diff shows each change."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from insource.formats.strict_json import strict_json
from insource.foundation.errors import DataError
from insource.foundation.files import locked, replacing
from insource.types import ReviewDecision

SHOWN = 8


class DecisionFile:
    """Decisions in a file that people may edit, too. A change is written whole or not at all.

    ``lock`` is a file of its own, held for as long as a change takes, so that several processes can
    save to the same file.
    """

    def __init__(self, path: Path, lock: Path) -> None:
        self.path = path
        self._lock = lock
        self._read: tuple[tuple[int, ...], tuple[ReviewDecision, ...]] = ((), ())

    def decisions(self) -> tuple[ReviewDecision, ...]:
        """Return all decisions, as the file has them now.

        Raises:
            DataError: ``reviews-unreadable``, naming the lines.
        """
        seen = _state(self.path)
        if seen != self._read[0]:
            self._read = (seen, read_reviews(self.path))
        return self._read[1]

    def replace(
        self, row_id: str, who: str, decisions: Iterable[ReviewDecision]
    ) -> tuple[ReviewDecision, ...]:
        """Return what ``who`` decided about a row becomes these decisions; returns what it was.

        Raises:
            DataError: ``reviews-unreadable``, ``reviews-not-written``.
        """
        with self._locked():
            present = self.decisions()
            before = tuple(one for one in present if (one.row_id, one.who) == (row_id, who))
            others = [one for one in present if (one.row_id, one.who) != (row_id, who)]
            after = tuple(sorted([*others, *decisions], key=_key))
            self._read = (write_reviews(self.path, after), after)
        return before

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with locked(self._lock):
            yield


def read_reviews(path: Path) -> tuple[ReviewDecision, ...]:
    """Return the decisions of a file, none when it is not there. Blank lines are allowed.

    Raises:
        DataError: ``reviews-unreadable``, with the number of each line that is wrong and why.
    """
    try:
        lines = path.read_bytes().split(b"\n") if path.exists() else []
    except OSError as error:
        raise _unreadable(path, [error.strerror or str(error)]) from error
    found: dict[tuple[str, str, str], ReviewDecision] = {}
    places: dict[tuple[str, str, str], int] = {}
    problems = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            decision = ReviewDecision.model_validate(strict_json(line.decode()))
            if (key := _key(decision)) in places:
                raise ValueError(f"{decision.who} decided this field on line {places[key]} already")
        except (ValidationError, ValueError) as error:
            problems.append(f"{path.name}:{number}: {_in_words(error)}")
            continue
        found[key], places[key] = decision, number
    if problems:
        raise _unreadable(path, problems)
    return tuple(found.values())


def write_reviews(path: Path, decisions: Iterable[ReviewDecision]) -> tuple[int, ...]:
    """Write the whole file, sorted by row, field and reviewer; returns what tells it from a later one.

    Raises:
        DataError: ``reviews-not-written``.
    """
    ordered = sorted(decisions, key=_key)
    try:
        with replacing(path) as file:
            for decision in ordered:
                file.write(json.dumps(decision.model_dump(), ensure_ascii=False) + "\n")
            file.flush()
            # Before the rename: an edit after it is another state
            written = _told_by(os.fstat(file.fileno()))
        return written
    except OSError as error:
        raise DataError(
            "reviews-not-written",
            f"The decision could not be written to {path}: {error.strerror or error}.",
            hint="Free some space or check the permissions, and save again; earlier decisions are whole.",
        ) from error


def _key(decision: ReviewDecision) -> tuple[str, str, str]:
    return decision.row_id, decision.field, decision.who


def _state(path: Path) -> tuple[int, ...]:
    try:
        return _told_by(path.stat())
    except FileNotFoundError:
        return ()


def _told_by(found: os.stat_result) -> tuple[int, ...]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _in_words(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


def _unreadable(path: Path, problems: list[str]) -> DataError:
    more = [f"… and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    return DataError(
        "reviews-unreadable",
        f"{len(problems)} {'line' if len(problems) == 1 else 'lines'} of {path} cannot be read.",
        details=(*problems[:SHOWN], *more),
        hint="Correct these lines, or remove them; a decision is one JSON object a line.",
    )
