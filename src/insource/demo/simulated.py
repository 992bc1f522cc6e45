"""The stand-in for a cloud, when none was chosen."""

from __future__ import annotations

import json

from insource.models.fake import FakeCloud
from insource.models.protocol import Model
from insource.workflow.session import Session


def simulated_cloud(session: Session) -> Model:
    """A seeded model that knows every document's answer and spoils it at published rates."""
    rows = session.project.rows_path.read_text(encoding="utf-8").splitlines()
    gold = {row["input"]: row["output"] for row in map(json.loads, rows)}
    return FakeCloud(gold, session.config.project.seed)
