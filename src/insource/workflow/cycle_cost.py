"""What a cycle of retraining took: machine time, paid answers, labels."""

from __future__ import annotations

from datetime import datetime

from insource.dataset.review.decisions import read_reviews
from insource.logs.collect import ROW_TAG
from insource.logs.paid import ANCHOR_TAG, ARM_SOURCE
from insource.logs.query import Log
from insource.types.retraining import Cycle, CycleCost
from insource.workflow.cycles import cycles
from insource.workflow.kept_profile import has_log
from insource.workflow.mine import label_cost
from insource.workflow.session import Session

RECORDER = "recorder"


class CycleClock:
    """Measures a part of a cycle on a session of its own stages. ``cost`` adds it to the cycle's."""

    def __init__(self, session: Session, cycle: Cycle) -> None:
        self._session = session
        self._cycle = cycle
        self._before = len(session.stages)

    def cost(self) -> CycleCost:
        """Return the cycle's cost until now. What an interrupted attempt took is not in it."""
        session, before = self._session, self._cycle.cost
        seconds = sum(one.seconds for one in session.stages[self._before :] if not one.skipped)
        labels = _labels(session, self._cycle)
        hours, label_usd = label_cost(session, labels)
        return CycleCost(
            seconds=before.seconds + seconds,
            machine_usd=before.machine_usd + seconds / 3600 * usd_per_hour(session),
            cloud_usd=_paid(session, self._cycle),
            labels=labels,
            label_hours=hours,
            label_usd=label_usd,
        )


def usd_per_hour(session: Session) -> float:
    """Return what an hour of the machine costs: as stated for training, else its electricity."""
    stated, section = session.config.training.usd_per_hour, session.config.decision
    return section.power_watts / 1000 * section.kwh_usd if stated is None else stated


def _paid(session: Session, cycle: Cycle) -> float:
    """Return what answers for datasets and evaluations cost since the cycle began.

    Live traffic would have come without the cycle, and anchors have a budget of their own.
    """
    if not has_log(session):
        return 0.0
    began = datetime.fromisoformat(cycle.started_at)
    with Log(session.project.workspace, clock=session.clock) as log:
        log.drain()
        asked = [
            *(
                one
                for one in log.calls(source=ARM_SOURCE, task=cycle.task, since=began)
                if ANCHOR_TAG not in one.tags
            ),
            *(one for one in log.calls(source=RECORDER, task=cycle.task, since=began) if ROW_TAG in one.tags),
        ]
    return float(sum(one.cost_usd or 0 for one in asked if not one.simulated))


def _labels(session: Session, cycle: Cycle) -> int:
    """Return how many documents people reviewed for this cycle: since the one before it."""
    now = datetime.fromisoformat(cycle.started_at)
    starts = (datetime.fromisoformat(one.started_at) for one in cycles(session))
    begun = max((start for start in starts if start < now), default=None)
    decided = {
        (one.row_id, datetime.fromisoformat(one.when)) for one in read_reviews(session.project.reviews_path)
    }
    return len({row for row, when in decided if when <= now and (begun is None or when > begun)})
