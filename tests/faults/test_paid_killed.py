"""A process is killed while it buys answers: what was paid for is kept, and nothing is bought twice."""

import signal
import subprocess
from decimal import Decimal

import pytest
from support.child_python import python_child

from insource.logs.paid import bought, spent_usd
from insource.logs.recorder import Recorder

pytestmark = pytest.mark.fault

CENT = Decimal("0.01")
CHILD = """
import os, signal, sys
from decimal import Decimal
from pathlib import Path
from insource.logs.paid import Order, bought, buy, request_key, spent_usd
from insource.logs.recorder import Recorder
from insource.models.protocol import ModelInfo, Request
from insource.types import Completion, Example, Message, Usage

folder, killed_at, budget = Path(sys.argv[1]), int(sys.argv[2]), Decimal(sys.argv[3])

class Provider:
    info = ModelInfo(name="v/big", local=False)
    def generate(self, request):
        with (folder / "charged").open("a") as bill:
            bill.write(request.messages[0].content + "\\n")
        if len((folder / "charged").read_text().splitlines()) == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)  # the provider has answered, nobody has read it
        return Completion(text="x", model="big", usage=Usage(input_tokens=1, output_tokens=1))

def order(number):
    request = Request(messages=(Message(role="user", content=f"document {number}"),), max_tokens=1)
    example = Example(row_id=f"r{number}", digest="d", input="", target="x", provenance={"source": "t"})
    return Order(request_key({}, request), example, request, Decimal("0.01"), Decimal("0.01"))

with Recorder.open(folder / "workspace") as recorder:
    recorder.flush()
    known = bought(recorder.database, task="t", arm="a").answers
    orders = [one for one in map(order, range(8)) if one.key not in known]
    left = budget - spent_usd(recorder.database, task="t")
    buy(Provider(), orders, recorder, task="t", arm="a", price=lambda *_: Decimal("0.01"), budget_usd=left)
"""


def run(folder, killed_at, budget="1"):
    return subprocess.run(**python_child(CHILD, folder, killed_at, budget), capture_output=True, text=True)


def charged(folder):
    return (folder / "charged").read_text().splitlines()


@pytest.mark.parametrize("at", [1, 4, 8])
def test_only_the_call_under_way_is_paid_for_again(tmp_path, at):
    assert run(tmp_path, at).returncode == -signal.SIGKILL
    done = run(tmp_path, 0)
    assert done.returncode == 0, done.stderr
    assert len(charged(tmp_path)) == 9
    assert len(set(charged(tmp_path))) == 8
    with Recorder.open(tmp_path / "workspace") as recorder:
        assert len(bought(recorder.database, task="t", arm="a").answers) == 8
        assert spent_usd(recorder.database, task="t") == 9 * CENT


def test_the_cap_holds_over_killed_processes(tmp_path):
    """Killed at every call, a process that forgot what it had asked would pay for ever."""
    for attempt in range(1, 8):
        run(tmp_path, attempt, budget="0.05")
    assert len(charged(tmp_path)) == 5
