"""Conditions that select calls."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import ColumnElement, Table, func, literal_column, select

from insource.foundation.clock import iso, to_microseconds
from insource.store.calls.table import CALLS
from insource.types import Frozen
from insource.types.call import Outcome

ROLLED_UP = ("task", "feature", "model", "provider")
_COLUMNS = (*ROLLED_UP, "prompt_version", "user", "outcome", "source")


class Selection(Frozen):
    """The calls that meet every given condition; without conditions, all calls.

    ``model`` is the one that answered, or was asked when none answered; ``model_names`` are its names, if it
    has several, see ``with_names``. ``since`` is inclusive, ``until``
    exclusive. ``call_ids`` lists calls by id.
    """

    task: str | None = None
    feature: str | None = None
    model: str | None = None
    provider: str | None = None
    prompt_version: str | None = None
    user: str | None = None
    outcome: Outcome | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    call_ids: tuple[str, ...] | None = None
    model_names: tuple[str, ...] = ()

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions for a query on ``CALLS``."""
        found: list[ColumnElement[bool]] = [
            CALLS.c[name] == value for name in _COLUMNS if (value := self._value(name)) is not None
        ]
        if self.model_names:
            found.append(CALLS.c.model.in_(self.model_names))
        if self.user:  # literally, or SQLite does not use the partial index
            found.append(CALLS.c.user != literal_column("''"))
        if self.since is not None:
            found.append(CALLS.c.started_at >= to_microseconds(self.since))
        if self.until is not None:
            found.append(CALLS.c.started_at < to_microseconds(self.until))
        if self.call_ids is not None:
            listed = func.json_each(json.dumps(self.call_ids)).table_valued("value")
            found.append(CALLS.c.call_id.in_(select(listed.c.value)))
        return found

    def rolled_up(self, rollups: Table) -> list[ColumnElement[bool]]:
        """Return the conditions for a query on the rollups, without the period."""
        found: list[ColumnElement[bool]] = [
            rollups.c[name] == value for name in ROLLED_UP if (value := self._value(name)) is not None
        ]
        return [*found, rollups.c.model.in_(self.model_names)] if self.model_names else found

    def _value(self, name: str) -> str | None:
        value: str | None = getattr(self, name)
        return None if name == "model" and self.model_names else value

    @property
    def in_rollups(self) -> bool:
        """Whether the rollups of whole days can answer this selection."""
        beyond = (self.prompt_version, self.user, self.outcome, self.source, self.call_ids)
        return all(value is None for value in beyond)

    def described(self) -> dict[str, str]:
        """Return the conditions as text, with the number of ids instead of the ids, and without the user's
        name.

        A purge stores this text, and it must not name the person whose calls it removes.
        """
        found = {name: str(value) for name in _COLUMNS if (value := getattr(self, name)) is not None}
        if self.user is not None:
            found["user"] = "(one)"
        for name in ("since", "until"):
            if (moment := getattr(self, name)) is not None:
                found[name] = iso(moment)
        if self.call_ids is not None:
            found["call_ids"] = str(len(self.call_ids))
        return found
