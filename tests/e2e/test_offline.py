"""No command reaches another machine, in the environment of a person who has set nothing.

The commands get no variable of the tests' environment, such as ``CI``: some would hide what a library sends
from a person's machine.
"""

import re
import signal
import sys

import httpx2
import pytest
from support.outward import Watched, has_ended

pytestmark = [pytest.mark.timeout(1200), pytest.mark.usefixtures("embedded_model")]
SMALL = """
[task]
name = "tickets"
instruction = "Which desk?"
[dataset]
path = "data.jsonl"
[training]
epochs = 1
rank = 4
[routing]
on_infeasible = "median"
"""
LITTLE = {
    "INSOURCE_EVALUATION__BASE_DOCUMENTS": "1",
    "INSOURCE_EVALUATION__PARITY_PROMPTS": "1",
    "INSOURCE_SERVING__THREADS": "1",
}
COMMANDS = (
    ("demo", "--documents", "8", "--epochs", "1"),
    ("dataset", "check"),
    ("train",),
    ("evaluate",),
    ("run",),
)


def test_no_command_reaches_another_machine(project, rows, tmp_path):
    folder = project(rows.tickets(36), SMALL)
    reached = {}
    for arguments in COMMANDS:
        watched = Watched(command(*arguments), LITTLE, folder, tmp_path / f"{arguments[0]}-log")
        _, err = watched.process.communicate(timeout=600)
        assert watched.process.returncode == 0, err
        reached[arguments[0]] = watched.beyond_loopback()
    reached["gateway"] = gateway(folder, tmp_path / "gateway-log")
    assert reached == {name: [] for name in reached}


@pytest.mark.parametrize("pid", [7, 1234, 17603, 4194303])
def test_the_end_of_a_process_is_seen_whatever_its_number(pid):
    assert has_ended(pid, f"{pid:<5d} connect(3, ...) = 0\n{pid:<5d} +++ exited with 0 +++\n")
    assert not has_ended(pid, f"{pid}1    +++ exited with 0 +++\n{pid:<5d} connect(3, ...) = 0\n")


def gateway(folder, log):
    """Whom the gateway reaches when it starts, answers one call here, and ends."""
    watched = Watched(command("gateway", "--port", "0"), LITTLE, folder, log)
    try:
        lines = (re.search(r"Gateway on (http://\S+)", line) for line in watched.process.stderr)
        begun = next(filter(None, lines), None)
        assert begun, "the gateway ended before it listened"
        body = {"model": "tickets", "messages": [{"role": "user", "content": "It leaks."}]}
        answer = httpx2.post(f"{begun[1]}/chat/completions", json=body, timeout=60)
        watched.process.send_signal(signal.SIGTERM)
        watched.process.communicate(timeout=60)
    finally:
        watched.process.kill()
    assert answer.status_code == 200, answer.text
    return watched.beyond_loopback()


def command(*arguments):
    return [sys.executable, "-m", "insource.cli.main", *arguments]
