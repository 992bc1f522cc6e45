"""Anchors over real HTTP on loopback: added, asked on schedule within a budget, and what they say moved."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from support.anchored import Anchored, Cloud, document, label

from insource.cli.main import main
from insource.foundation.errors import DataError, IntegrityError, UserError
from insource.lifecycle.anchors.attribution import Harm
from insource.lifecycle.anchors.kept import alone
from insource.logs.paid import spent_usd
from insource.logs.recorder import STORE_FILE
from insource.store.calls.paging import iterate_calls
from insource.store.calls.selection import Selection
from insource.store.database import open_database
from insource.workflow.anchor_checks import LocalSide, accept_cloud
from insource.workflow.anchors import add_anchors
from insource.workflow.build import build_dataset
from insource.workflow.train import train_model


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("ANCHOR_KEY", "sk-test")


@pytest.fixture
def anchored(tmp_path):
    with Cloud() as cloud:
        made = Anchored(tmp_path / "project", cloud)
        add_anchors(made.session(), made.folder / "anchors.jsonl", "ann")
        yield made


def test_the_command_adds_asks_tells_and_accepts(tmp_path, monkeypatch, capsys):
    """The whole way of an operator: a silent change of the cloud is told, looked into, and accepted."""
    with Cloud() as cloud:
        made = Anchored(tmp_path, cloud)
        monkeypatch.chdir(tmp_path)

        def insource(*arguments):
            main(["deploy", "anchors", *arguments])
            printed = capsys.readouterr()
            return printed.out or printed.err

        assert "60 anchors added, 0 known before" in insource("add", "anchors.jsonl", "--labelled-by", "ann")
        assert "0 anchors added, 60 known before" in insource("add", "anchors.jsonl", "--labelled-by", "ann")
        assert "240 of 240 anchors asked" in insource("check")
        assert "No anchor is due" in insource("check")
        cloud.moved = set(range(15))
        told = insource("check", "--all")
        assert "Moved: cloud" in told
        assert "worse: 75% right by people's labels, 100% in the first round" in told
        assert json.loads(insource("status", "--json"))["cause"] == "cloud"
        insource("accept", "--reason", "a new version, looked into")
        assert "240 of 240 anchors asked" in insource("check")
        assert "Moved: none" in insource("status")
    kinds = [(event.kind, event.evidence.get("cause")) for event in made.events()]
    assert kinds == [
        ("anchors", "none"),
        ("anchors", "cloud"),
        ("alert", "cloud"),
        ("anchors", None),
        ("anchors", "none"),
    ]


def test_only_rows_that_people_labelled_become_anchors(anchored):
    session, folder = anchored.session(), anchored.folder
    with pytest.raises(DataError) as unsaid:
        add_anchors(session, anchored.write("unsaid.jsonl", range(60, 62)), "")
    assert unsaid.value.code == "anchors-not-human"
    said = anchored.write("said.jsonl", range(60, 62), labelled_by="bob")
    assert add_anchors(session, said, "").total == 62
    by_model = {"provenance": {"provider": "openai", "model": "big"}}
    wrong = anchored.write("wrong.jsonl", range(62, 64), **by_model)
    with wrong.open("a") as file:
        file.write('{"input": "x", "output": "no such label"}\n')
        file.write('{"input": "x"}\nnot json\n')
    with pytest.raises(DataError) as refused:
        add_anchors(session, wrong, "ann")
    assert refused.value.code == "anchors-unusable"
    assert len(refused.value.details) == 5
    (folder / "empty.jsonl").write_text("")
    with pytest.raises(DataError, match="cannot be anchors"):
        add_anchors(session, folder / "empty.jsonl", "ann")
    assert add_anchors(session, said, "").total == 62  # nothing of the refused files was added


def test_anchors_that_leak_into_training_are_refused_with_their_rows(anchored):
    """When they are added, when they are asked, and when somebody trains on them."""
    anchored.write("data.jsonl", range(100, 180))
    dataset, _ = build_dataset(anchored.session())
    trained = dataset.splits["train"][0]
    row = {"id": "leak", "input": f"{trained.input}.", "output": trained.target, "labelled_by": "ann"}
    (anchored.folder / "leak.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(DataError) as refused:
        add_anchors(anchored.session(), anchored.folder / "leak.jsonl", "")
    assert refused.value.code == "anchors-leaked"
    assert refused.value.details == (f"leak is nearly row {trained.row_id}",)

    anchored.write("data.jsonl", range(30, 110))  # 30 of the anchors are rows now
    dataset, task = build_dataset(anchored.session())
    for act in (anchored.check, lambda: train_model(anchored.session(), dataset, task, None)):
        with pytest.raises(DataError) as leaked:
            act()
        assert leaked.value.code == "anchors-leaked"
    assert anchored.cloud.seen == []


def test_a_budget_ends_a_round_and_the_next_day_goes_on_with_the_rest(anchored):
    with (anchored.folder / "insource.toml").open("a") as file:
        file.write("[rollout]\nanchors_usd_per_day = 0.1\n")
    first = anchored.check()
    assert 80 < first.asked < 100  # at a tenth of a cent each, less what the last ones could have cost
    assert "budget for anchors" in first.stopped
    assert anchored.check().asked == 0
    anchored.clock.pass_(days=1)
    again = anchored.check()
    assert again.asked == first.asked
    counts = [sum(one.anchor_id == f"a{number}" for one in anchored.checks()) for number in range(60)]
    assert max(counts) - min(counts) <= 1  # round by round
    with open_database(anchored.session().project.workspace / STORE_FILE) as database:
        assert spent_usd(database, task="tickets") == 0  # not of the budget of evaluations
        calls = list(iterate_calls(database, Selection(task="tickets")))
    assert {call.source for call in calls} == {"arm"}  # so no dataset is made of them
    assert sum(call.cost_usd for call in calls) == Decimal("0.001") * 2 * first.asked


def test_a_cloud_that_is_down_tells_nothing_and_is_asked_again(anchored):
    anchored.settle()
    anchored.clock.pass_(days=1)
    anchored.cloud.script = [(401, {"error": {"message": "no"}})]
    down = anchored.check()
    assert (down.asked, down.due) == (0, 60)
    assert "the cloud does not answer" in down.stopped
    assert down.attribution.cause == "none"
    assert len(anchored.checks()) == 240
    anchored.cloud.script = [(200, anchored.cloud.answer)]
    assert anchored.check().asked == 60


def test_harm_is_open_until_the_cloud_was_asked_and_then_local(anchored):
    """The audits show harm: at once all anchors are asked, and clear the cloud."""
    before = anchored.settle()
    assert before.attribution.cause == "none"
    anchored.clock.pass_(hours=1)
    harm = Harm(anchored.clock.now(), 0)
    anchored.cloud.script = [(401, {"error": {"message": "no"}})]
    anchored.clock.pass_(seconds=1)
    assert anchored.check(harm=harm).attribution.cause == "open"
    anchored.cloud.script = [(200, anchored.cloud.answer)]
    found = anchored.check(harm=harm)
    assert (found.asked, found.attribution.cause) == (60, "local")
    assert "changed fewer than 10%" in found.attribution.reason


def test_harm_by_a_cloud_that_moved_is_the_clouds(anchored):
    anchored.settle()
    anchored.cloud.moved = set(range(0, 60, 4))
    harm = Harm(anchored.clock.now(), 0)
    anchored.clock.pass_(seconds=1)
    found = anchored.check(harm=harm)
    assert (found.asked, found.attribution.cause) == (60, "cloud")
    assert found.attribution.changed.value == 0.25
    assert found.attribution.changed.low < 0.25 < found.attribution.changed.high


def test_a_local_model_that_people_and_the_cloud_contradict_needs_no_proof_that_the_cloud_stood_still(
    anchored,
):
    """The cloud moved and the adapter is broken: by people's labels, the local model is wrong too often."""
    sides = LocalSide(
        "tickets@bad", lambda text: next(label(n + 1) for n in range(60) if document(n) == text)
    )
    anchored.check(local=sides)
    anchored.cloud.moved = set(range(0, 60, 4))
    harm = Harm(anchored.clock.now(), 0)
    anchored.clock.pass_(seconds=1)
    found = anchored.check(harm=harm, local=sides)
    assert found.attribution.cause == "local"
    assert found.attribution.log_local > 50
    other = anchored.check(harm=harm, local=sides._replace(version="tickets@good", answer=lambda text: None))
    assert other.attribution.cause == "cloud"  # checks of another version do not count


def test_the_schedule_asks_once_a_day_and_early_when_the_clock_was_set_back(anchored):
    anchored.settle()
    anchored.clock.pass_(hours=23)
    assert anchored.check().due == 0
    anchored.clock.pass_(hours=1)
    assert anchored.check().asked == 60
    anchored.clock.pass_(days=-3)
    assert anchored.check().asked == 60


def test_what_was_asked_before_a_kill_is_not_asked_again(anchored):
    """Each answer is on the disk before the next anchor is asked."""
    asked = iter(range(240))

    def local(text):
        if next(asked) == 70:
            raise KeyboardInterrupt
        return None

    with pytest.raises(KeyboardInterrupt):
        anchored.check(local=LocalSide("tickets@a", local))
    assert len(anchored.checks()) == 70
    assert anchored.check().asked == 170


def test_two_processes_do_not_ask_the_same_anchors(anchored):
    with alone(anchored.session().project.workspace, "tickets"):
        for act in (anchored.check, lambda: accept_cloud(anchored.session(), "")):
            with pytest.raises(UserError) as refused:
                act()
            assert refused.value.code == "anchors-busy"


@pytest.mark.parametrize(
    ("more", "code"),
    [("privacy", "local-only"), ("unpriced", "anchors-not-priced")],
)
def test_what_may_not_be_sent_is_not(tmp_path, more, code):
    with Cloud() as cloud:
        made = Anchored(tmp_path, cloud)
        path = tmp_path / "insource.toml"
        text = path.read_text()
        add_anchors(made.session(), tmp_path / "anchors.jsonl", "ann")
        if more == "privacy":
            text = text.replace("[dataset]", "privacy = 'local-only'\n[dataset]").replace(
                cloud.url, "https://api.example.com/v1"
            )
        if more == "unpriced":
            text = text.replace("openai/big", "openai/no-such-model")
        path.write_text(text)
        with pytest.raises(UserError) as refused:
            made.check()
        assert refused.value.code == code
        assert cloud.seen == []


def test_a_damaged_file_of_anchors_is_said_and_never_taken_for_none(anchored):
    path = anchored.session().project.workspace / "anchors" / "tickets.json"
    whole = path.read_text()
    for damaged in (whole[:-20], whole.replace('"schema_version": 1', '"schema_version": 2')):
        path.write_text(damaged)
        with pytest.raises(IntegrityError) as refused:
            anchored.check()
        assert refused.value.code == "anchors-unreadable"
    path.unlink()
    with pytest.raises(UserError) as none:
        anchored.check()
    assert none.value.code == "no-anchors"
