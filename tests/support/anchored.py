"""A task with anchors and a cloud on loopback that can move, go down, or cost money."""

import json
from datetime import UTC, datetime, timedelta

from support.scripted_provider import ScriptedProvider
from support.walks import session_on

from insource.lifecycle.anchors.schedule import FIRST_ROUNDS
from insource.store.deployments.audits import anchor_checks_of
from insource.store.deployments.registry import events, open_registry
from insource.types import Labels
from insource.workflow.anchor_checks import check_anchors
from insource.workflow.ask_cloud import cloud_model

LABELS = ["billing", "delivery"]
USAGE = {"prompt_tokens": 900, "completion_tokens": 100}  # a tenth of a cent by PRICES
PRICES = "[prices.models.big]\ninput = 1.0\noutput = 1.0\n"


def document(number):
    words = ("Charge", "Receipt", "Total", "Parcel", "Courier", "Depot", "Ledger", "Voucher")
    return f"{words[number % 8]} {number * 7919} of the {words[number * 3 % 8]} on day {number * 31 % 365}"


def label(number):
    return LABELS[number % 2]


class Cloud(ScriptedProvider):
    """Answers each document with its label; ``moved`` are those it answers otherwise."""

    def __init__(self):
        super().__init__((200, self.answer))
        self.moved = set()

    def answer(self, asked):
        text = asked["messages"][-1]["content"]
        number = next(number for number in range(200) if document(number) in text)
        said = label(number + 1) if number in self.moved else label(number)
        choice = {"message": {"content": said}, "finish_reason": "stop"}
        return {"model": "big-2026-01", "choices": [choice], "usage": USAGE}


class HandClock:
    """Stands still until it is set on."""

    def __init__(self):
        # The recorder has the system's clock, and money is counted by the day.
        self.time = datetime.now(UTC).replace(hour=8)

    def now(self):
        return self.time

    def monotonic(self):
        return self.time.timestamp()

    def pass_(self, **time):
        self.time += timedelta(**time)


class Anchored:
    """The project in ``folder``, with its clock."""

    def __init__(self, folder, cloud, more="", count=60):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.cloud, self.clock = folder, cloud, HandClock()
        (folder / "insource.toml").write_text(
            f"[task]\nname = 'tickets'\nlabels = {json.dumps(LABELS)}\n[dataset]\nformat = 'rows'\n"
            f"[reference]\nmodel = 'openai/big'\nbase_url = '{cloud.url}'\napi_key_env = 'ANCHOR_KEY'\n"
            f"{PRICES}{more}\n"
        )
        self.write("anchors.jsonl", range(count))

    def write(self, name, numbers, **fields):
        rows = [
            {"id": f"a{number}", "input": document(number), "output": label(number), **fields}
            for number in numbers
        ]
        (self.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return self.folder / name

    def session(self):
        session = session_on(self.folder)
        session.clock = self.clock
        return session

    def check(self, **options):
        session = self.session()
        task = session.project.task(Labels(names=tuple(LABELS)))
        return check_anchors(session, task, cloud_model(session), **options)

    def checks(self):
        with open_registry(self.session().project.workspace) as registry:
            return anchor_checks_of(registry, "tickets")

    def events(self):
        with open_registry(self.session().project.workspace) as registry:
            return events(registry, "tickets")

    def settle(self):
        """Ask the anchors as often as is needed at first."""
        found = self.check()
        assert found.asked == found.due == FIRST_ROUNDS * 60
        return found
