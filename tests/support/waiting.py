"""Waiting for a condition instead of for a time."""

import time

WAIT_S = 60


def eventually(true, seconds=WAIT_S):
    """Return as soon as the function is true; the limit is for a machine that is busy with other things."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.02)


def spooled(workspace, text):
    """Whether these bytes are in the spool of this workspace."""
    return any(text in path.read_bytes() for path in (workspace / "spool").glob("*.seg"))
