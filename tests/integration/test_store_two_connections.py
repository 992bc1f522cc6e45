"""Two connections of one process to the store, and another process beside them: all see what is written."""

import subprocess

from support.child_python import python_child

from insource.store.deployments.registry import events, open_registry

CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from insource.store.deployments.registry import open_registry, record_event
from insource.types.deployment import DeploymentEvent

with open_registry(Path(sys.argv[1])) as registry:
    for n in range(int(sys.argv[2])):
        event = DeploymentEvent(
            task="t", revision=0, at=datetime.now(UTC), kind="alert", by="child", reason=str(n)
        )
        record_event(registry, event)
"""


def write(folder, count):
    subprocess.run(**python_child(CHILD, folder, count), check=True)


def test_a_connection_that_stays_open_sees_what_others_write_though_a_second_one_was_closed(tmp_path):
    """As a gateway does, whose parts open the registry for a moment while its controller keeps it open."""
    with open_registry(tmp_path) as kept:
        assert events(kept, "t") == ()
        with open_registry(tmp_path):
            pass
        for count in (1, 2, 3):
            write(tmp_path, 1)
            assert len(events(kept, "t")) == count
