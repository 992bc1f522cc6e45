"""The calls that send anchors to the cloud: they are on record, and none of the task's traffic."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from insource.logs.paid import ANCHOR_TAG, ARM_SOURCE
from insource.logs.recorded_model import RecordedModel
from insource.logs.recorder import Recorder
from insource.models.protocol import Model
from insource.providers.price_bound import Price
from insource.store.calls.paging import iterate_calls
from insource.store.calls.selection import Selection
from insource.store.database import Database

MOST_TAG = "anchor_most_usd"


def recorded(model: Model, recorder: Recorder, task: str, price: Price) -> RecordedModel:
    """Return the cloud's model, recorded as what an evaluation asks, so that no dataset is made of it."""
    return RecordedModel(model, recorder, task, price=price, source=ARM_SOURCE)


def tagged(model: RecordedModel, anchor_id: str, most_usd: Decimal) -> RecordedModel:
    """Return the model for the call of one anchor, which costs at most ``most_usd``."""
    return model.tagged(**{ANCHOR_TAG: anchor_id, MOST_TAG: str(most_usd), "row_id": anchor_id})


def spent_on_anchors(database: Database, task: str, since: datetime) -> Decimal:
    """Return what the anchors of a task have cost since then, in US dollars.

    A call without a known cost, such as one without an answer, counts as the most it can have cost.
    """
    total = Decimal(0)
    for call in iterate_calls(database, Selection(task=task, source=ARM_SOURCE, since=since)):
        if ANCHOR_TAG in call.tags:
            total += call.cost_usd if call.cost_usd is not None else Decimal(call.tags.get(MOST_TAG, "0"))
    return total
