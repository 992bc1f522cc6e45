"""Join the calls of one model that are known by different names.

A call that fails has only the name that was asked for, such as ``gpt-4o-mini``. One that is answered has the
name of the model that answered, such as ``gpt-4o-mini-2024-07-18``.
"""

from __future__ import annotations

import re

from sqlalchemy import Connection, func, select

from insource.store.calls.rollups import ROLLUPS
from insource.store.calls.selection import Selection
from insource.store.database import Database

_DATE = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{3})$")


def answering_models(connection: Connection) -> dict[str, str]:
    """Return, by name that was only asked for, the model that answers to it.

    That is the model of all answers to the name, or of the latest if they are dated versions of one model. A
    name that different models answered, such as that of a router, is left out, and so is a name that some
    answer has: it may be a model of its own.
    """
    names = ROLLUPS.c.model_asked, ROLLUPS.c.model
    answered = func.sum(ROLLUPS.c.calls - ROLLUPS.c.errors - ROLLUPS.c.interrupted)
    query = select(*names, func.max(ROLLUPS.c.day), answered).group_by(*names)
    latest: dict[str, list[tuple[int, str]]] = {}
    own: set[str] = set()
    for asked, model, day, answers in connection.execute(query):
        if asked != model:
            latest.setdefault(asked, []).append((day, model))
        if asked != model or answers:
            own.add(model)
    return {
        asked: max(models)[1]
        for asked, models in latest.items()
        if asked not in own and len({_DATE.sub("", model) for _, model in models}) == 1
    }


def with_names(database: Database, selection: Selection) -> Selection:
    """Return the selection with every name of its model; a name that was only asked for means its model."""
    if selection.model is None:
        return selection
    with database.read() as connection:
        answering = answering_models(connection)
    model = answering.get(selection.model, selection.model)
    names = (model, *(asked for asked, found in answering.items() if found == model))
    return selection.model_copy(update={"model": model, "model_names": names})
