"""The simulated cloud of the demo."""

from __future__ import annotations

import json

from insource.models.fake import FakeCloud
from insource.models.protocol import Model
from insource.workflow.session import Session


def simulated_cloud(session: Session) -> Model:
    """Return a seeded model that answers with the gold answers, corrupted at published error rates."""
    rows = session.project.rows_path.read_text(encoding="utf-8").splitlines()
    gold = {row["input"]: row["output"] for row in map(json.loads, rows)}
    return FakeCloud(gold, session.config.project.seed)
