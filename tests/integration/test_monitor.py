"""The command `insource monitor` over a log whose documents and answers change."""

import json
from datetime import timedelta

import numpy as np
import pytest
from click.testing import CliRunner
from support.judged_answers import figures
from support.monitored import MODEL, RUN, START, World, log, project, with_dataset
from support.webhooks import Hook, answers, hangs

from insource.cli.main import cli
from insource.cli.options import open_session
from insource.foundation.errors import PrerequisiteError, UserError
from insource.foundation.files import locked
from insource.foundation.rng import generator
from insource.lifecycle.monitoring.alerts import audit_factor
from insource.lifecycle.monitoring.watch import check
from insource.lifecycle.transitions import nothing_deployed
from insource.redaction import Redactor
from insource.store.deployments.audits import add_audits
from insource.store.deployments.checks import checks_of
from insource.store.deployments.registry import events, open_registry, swap
from insource.types.confidence import ConfidenceSummary
from insource.types.deployment import Audit, DeploymentEvent, Version
from insource.workflow.monitor import LOCK, monitor


class ManualClock:
    """A clock that stands."""

    def __init__(self, at):
        self.at = at

    def now(self):
        return self.at

    def monotonic(self):
        return 0.0


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments):
        done = CliRunner().invoke(cli, ["monitor", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return invoke


def deploy(folder, version, since):
    """Make a version the champion."""
    new = nothing_deployed("equipment", since).model_copy(update={"champion": version})
    event = DeploymentEvent(
        task="equipment", revision=0, at=since, kind="deployed", by="operator", reason="test"
    )
    with open_registry(folder / ".insource") as registry:
        swap(registry, new, event, expected=0)


def checks(folder):
    with open_registry(folder / ".insource") as registry:
        return checks_of(registry, "equipment", limit=100)


def test_quiet_traffic_then_a_drift_that_is_told_once_with_its_slice_and_then_over(tmp_path, run):
    world = World()
    log(project(tmp_path), world.calls(400))
    assert "ALERT" not in run()
    world.foreign, world.feature = 0.4, "german"
    log(tmp_path, world.calls(400))
    said = run()
    assert "ALERT inputs" in said
    assert "feature: german (0.0 % → 100.0 %)" in said
    assert "next: insource retrain --dry-run" in said
    world.foreign, world.feature = 0.0, ""
    log(tmp_path, world.calls(200))
    assert "over  inputs" in run()
    made = checks(tmp_path)
    assert [len(check.open) for check in made] == [0, 1, 1, 0]
    assert made[2].open[0].since == made[1].window.first
    with open_registry(tmp_path / ".insource") as registry:
        told = [(event.kind, event.evidence["state"]) for event in events(registry, "equipment")]
    assert told == [("alert", "open"), ("alert", "closed")]


def test_a_second_look_at_the_same_calls_checks_nothing_again(tmp_path, run):
    log(project(tmp_path), World().calls(430))
    first = run()
    assert "170 more calls" in run()
    assert len(checks(tmp_path)) == 1
    assert "more calls" not in first


def test_before_there_is_enough_it_says_how_many_calls_are_missing(tmp_path, run):
    log(project(tmp_path), World().calls(150))
    assert "250 more calls" in run()


def test_what_the_model_does_is_watched_too(tmp_path, run):
    world = World()
    log(project(tmp_path), world.calls(400))
    world.null, world.sure = 0.6, 0.85
    log(tmp_path, world.calls(200))
    said = run()
    for name in ("confidence", "escalated calls", "voltage is empty"):
        assert f"ALERT behaviour: {name}" in said


@pytest.mark.parametrize("learned", [True, False])
def test_a_learned_confidence_estimates_quality_and_another_one_is_an_index(tmp_path, run, learned):
    summary = ConfidenceSummary(
        digest="d" if learned else "", certifying=100, reason="r", fields=figures(), answers=figures()
    )
    world = World()
    log(project(tmp_path, learned=summary), world.calls(400))
    assert "ALERT quality" not in run()
    world.sure = 0.8
    log(tmp_path, world.calls(200))
    said = run()
    assert ("ALERT quality" in said) == learned
    assert ("so this is an index" in said) != learned


def test_only_audits_are_said_to_roll_back(tmp_path, run):
    log(project(tmp_path), World().calls(400))
    with open_registry(tmp_path / ".insource") as registry:
        wrong = [i % 2 == 0 for i in range(100)]
        add_audits(
            registry,
            [
                Audit(task="equipment", version=MODEL, call_id=f"c{i}", at=START, source="live", wrong=one)
                for i, one in enumerate(wrong)
            ],
        )
    said = run()
    assert "audits     50.0 %" in said
    assert "next: insource deploy rollback" in said
    (alert,) = checks(tmp_path)[0].open
    assert alert.may_roll_back


def test_answers_of_another_local_model_are_not_its_own(tmp_path, run):
    world = World()
    calls = world.calls(400)
    log(project(tmp_path), calls)
    others = world.calls(300)
    other = [
        call.model_copy(update={"route": call.route.model_copy(update={"model": f"{MODEL}-b"})})
        for call in others
        if call.route.to == "local"
    ]
    log(tmp_path, other)
    run()
    assert "more calls" in run()
    assert len(checks(tmp_path)) == 1


def test_a_task_whose_texts_are_not_stored_says_so(tmp_path, run):
    bare = [call.model_copy(update={"request": {}}) for call in World().calls(400)]
    log(project(tmp_path), bare)
    said = run()
    assert "inputs     not measured: the log has no texts of these calls" in said
    assert "behaviour  nothing moved" in said


def test_json_is_the_newest_check(tmp_path, run):
    log(project(tmp_path), World().calls(400))
    done = CliRunner().invoke(cli, ["monitor", "--json", "-q"], catch_exceptions=False)
    assert json.loads(done.stdout)["task"] == "equipment"


def test_a_webhook_that_hangs_delays_nothing_and_the_alert_is_sent_again(tmp_path, run, monkeypatch):
    monkeypatch.setenv("INSOURCE_WEBHOOK_SECRET", "s3cret")
    with Hook(hangs) as hook:
        project(tmp_path, f'webhook = "{hook.url}"\nwebhook_timeout_s = 0.3')
        world = World()
        log(tmp_path, world.calls(400))
        world.foreign = 0.5
        log(tmp_path, world.calls(200))
        assert "were not delivered" in run()
        hook.behave = answers(200)
        assert "delivered" not in run()
        sent = len(hook.got)
        run()
        assert len(hook.got) == sent == 2  # what was accepted is not sent again
    (body,) = {body for _, body in hook.got}
    assert checks(tmp_path)[-1].open[0].delivered
    assert not [word for word in (b"Nennspannung", b"warranty") if word in body]  # names and figures only


def test_where_configured_an_alert_asks_for_more_audits_until_it_is_over(tmp_path, run):
    world = World()
    log(project(tmp_path, 'on_drift = "audit-more"'), world.calls(400))
    world.foreign = 0.5
    log(tmp_path, world.calls(200))
    run()
    with open_registry(tmp_path / ".insource") as registry:
        assert audit_factor(events(registry, "equipment"), MODEL) == 4.0
    world.foreign = 0.0
    log(tmp_path, world.calls(200))
    run()
    with open_registry(tmp_path / ".insource") as registry:
        assert audit_factor(events(registry, "equipment"), MODEL) == 1.0


def test_the_alerts_of_a_version_end_when_another_one_answers(tmp_path, run):
    world = World()
    log(project(tmp_path), world.calls(400))
    world.foreign = 0.5
    log(tmp_path, world.calls(200))
    assert "ALERT inputs" in run()
    other = f"{MODEL}-b"
    calls = [
        call.model_copy(update={"route": call.route.model_copy(update={"version": other, "model": other})})
        for call in world.calls(400)
    ]
    log(tmp_path, calls)
    version = Version(
        name=other, task="equipment", run_id=RUN, arm="tuned", digest="d", policy_digest="p", max_error=0.1
    )
    deploy(tmp_path, version, calls[0].started_at)
    said = run()
    assert f"answered by {other}" in said
    assert "over  inputs" in said
    assert "ALERT" not in said  # its reference are its own first calls


def test_it_goes_on_after_a_check_that_failed(tmp_path, run, monkeypatch):
    log(project(tmp_path), World().calls(400))
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 1:
            monkeypatch.setattr("insource.workflow.monitor.check", fails)
            log(tmp_path, later)
        elif len(pauses) == 2:
            monkeypatch.setattr("insource.workflow.monitor.check", check)
        else:
            raise KeyboardInterrupt

    def fails(*given, **more):
        raise PrerequisiteError("store-locked", "The store is locked.", hint="Wait.")

    world = World()
    world.calls(400)
    later = world.calls(200)
    monkeypatch.setattr("insource.cli.monitor.time.sleep", sleep)
    done = CliRunner().invoke(cli, ["monitor", "--every", "60"])
    assert "error: The store is locked." in done.output
    assert pauses == [60, 60, 60]
    assert len(checks(tmp_path)) == 2


def test_a_backlog_is_checked_in_parts_and_said(tmp_path, run, monkeypatch):
    monkeypatch.setattr("insource.workflow.monitor.WINDOWS_AT_ONCE", 1)
    log(project(tmp_path), World().calls(600))
    assert "More windows are complete" in run()
    run()
    assert len(checks(tmp_path)) == 2


def test_nothing_of_a_document_is_kept_with_a_check(tmp_path, run):
    """A purge of the log need not look there."""
    world = World()
    log(project(tmp_path), world.calls(400))
    world.foreign = 0.5
    log(tmp_path, world.calls(200))
    run()
    kept = "".join(check.model_dump_json() for check in checks(tmp_path))
    assert [word for word in ("warranty", "compact", "Nennspannung", "Pumpe") if word in kept] == []


def test_two_monitors_at_once_check_nothing_twice(tmp_path, run):
    log(project(tmp_path), World().calls(400))
    with locked(tmp_path / ".insource" / LOCK), pytest.raises(UserError) as refused:
        CliRunner().invoke(cli, ["monitor"], catch_exceptions=False)
    assert refused.value.code == "monitor-running"
    assert checks(tmp_path) == ()


def test_a_monitor_that_dies_before_a_check_is_kept_makes_it_again(tmp_path, run, monkeypatch):
    world = World()
    log(project(tmp_path), world.calls(400))
    world.foreign = 0.5
    log(tmp_path, world.calls(200))

    def dies(connection, event):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("insource.store.deployments.checks.add_event", dies)
        with pytest.raises(KeyboardInterrupt):
            monitor(open_session(tmp_path / "insource.toml", {}, quiet=True))
    assert len(checks(tmp_path)) == 1  # the quiet window; that of the alert was not kept without its event
    assert "ALERT inputs" in run()
    with open_registry(tmp_path / ".insource") as registry:
        assert [event.kind for event in events(registry, "equipment")] == ["alert"]


def test_a_clock_that_was_set_back_is_said(tmp_path, run, monkeypatch):
    log(project(tmp_path), World().calls(400))
    run()
    session = open_session(tmp_path / "insource.toml", {})
    session.clock = ManualClock(START - timedelta(days=1))
    said = []
    monkeypatch.setattr(session.display, "note", said.append)
    looked = monitor(session)
    assert looked.made == ()
    assert "The clock stands before the newest call" in said[0]


def test_the_tasks_of_other_projects_are_watched_where_they_are_served(tmp_path, run):
    host, other = tmp_path, tmp_path / "other"
    other.mkdir()
    project(other)
    (host / "insource.toml").write_text('[gateway]\nprojects = ["other"]\n')
    log(host, World().calls(400))
    assert "equipment: 200 calls" in run()
    assert len(checks(host)) == 1
    assert "monitor.html" in run("report", "--task", "equipment")


def test_a_task_that_cannot_be_checked_does_not_keep_the_others_from_it(tmp_path, monkeypatch):
    for name in ("broken", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "broken" / "insource.toml").write_text('[task]\nname = "broken"\n')
    project(tmp_path / "other")
    (tmp_path / "insource.toml").write_text('[gateway]\nprojects = ["broken", "other"]\n')
    log(tmp_path, World().calls(400))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["monitor"], catch_exceptions=False)
    assert "error:" in done.output
    assert "equipment: 200 calls" in done.output
    assert done.exit_code != 0


def test_a_webhook_without_a_secret_is_said_to_get_unsigned_alerts(tmp_path, run, monkeypatch):
    monkeypatch.delenv("INSOURCE_WEBHOOK_SECRET", raising=False)
    with Hook(answers(204)) as hook:
        project(tmp_path, f'webhook = "{hook.url}"')
        live = World()
        log(tmp_path, live.calls(400))
        live.foreign = 0.5
        log(tmp_path, live.calls(200))
        assert "INSOURCE_WEBHOOK_SECRET is not set" in run()
    assert hook.got


DATASET = 'reference_of = "dataset"'


def test_documents_may_be_compared_with_those_that_the_model_was_measured_on(tmp_path, run):
    """The first calls are like each other, and unlike the dataset: only this comparison can see it."""
    project(tmp_path, DATASET)
    known, live = World(1), World()
    with_dataset(tmp_path, [known.document()[0] for _ in range(400)])
    live.foreign = 0.5
    log(tmp_path, live.calls(400))
    said = run()
    assert "ALERT inputs" in said
    assert "unknown words" in said


def test_the_dataset_is_redacted_like_calls_and_its_synthetic_rows_are_none_of_it(tmp_path, run):
    project(tmp_path, DATASET + '\n[log]\npatterns = ["number=\\\\b\\\\d{3} V"]')
    known, live = World(1), World()
    strange = [f"etwas ganz anderes {n}" for n in range(200)]
    with_dataset(tmp_path, [known.document()[0] for _ in range(400)], synthetic=strange)
    session = open_session(tmp_path / "insource.toml", {})
    redactor = Redactor.from_config(session.config.log, session.project.workspace)
    calls = live.calls(400)
    for call in calls:
        message = call.request["messages"][-1]
        message["content"] = redactor.text(message["content"])
    assert " V " not in calls[0].request["messages"][-1]["content"]
    log(tmp_path, calls)
    assert "inputs     are alike" in run()


def test_a_dataset_that_is_gone_is_said(tmp_path, run):
    log(project(tmp_path, DATASET), World().calls(400))
    with pytest.raises(UserError) as refused:
        CliRunner().invoke(cli, ["monitor"], catch_exceptions=False)
    assert refused.value.code == "dataset-not-found"


def test_a_local_only_task_tells_no_webhook_elsewhere(tmp_path, run):
    project(tmp_path, 'webhook = "https://hooks.example.com/x"')
    toml = tmp_path / "insource.toml"
    toml.write_text(toml.read_text().replace("[task]\n", '[task]\nprivacy = "local-only"\n'))
    log(tmp_path, World().calls(400))
    with pytest.raises(UserError, match="local-only"):
        CliRunner().invoke(cli, ["monitor"], catch_exceptions=False)
    assert checks(tmp_path) == ()


def test_the_report_shows_what_was_found(tmp_path, run):
    world = World()
    log(project(tmp_path), world.calls(400))
    world.foreign = 0.5
    log(tmp_path, world.calls(200))
    run()
    assert "monitor.html" in run("report")
    page = (tmp_path / ".insource" / "monitor.html").read_text()
    for text in ("1 alert", "unknown words", "insource retrain --dry-run", "<svg", "Does the model still do"):
        assert text in page


@pytest.mark.parametrize("before", [True, False])
def test_the_report_takes_a_configuration_elsewhere(tmp_path, run, monkeypatch, before):
    project(tmp_path / "there")
    log(tmp_path / "there", World().calls(400))
    named = ("--config", "there/insource.toml")
    run(*named)
    run(*((*named, "report") if before else ("report", *named)))
    assert (tmp_path / "there" / ".insource" / "monitor.html").is_file()


def test_sentence_embeddings_take_part_where_configured(tmp_path, run, monkeypatch):
    """They see what letters do not: here, which of the documents are about something else."""
    world, asked = World(), []

    def embed(texts):
        asked.append(len(texts))
        late = np.arange(len(texts)) >= 200
        noise = generator(0, "tests.embed").normal(size=(len(texts), 8))
        return (noise + 2 * late[:, None]).astype(np.float32)

    monkeypatch.setattr("insource.workflow.monitor.embed", embed)
    log(project(tmp_path, 'documents = "sentences"'), world.calls(400))
    assert "ALERT inputs" in run()
    assert asked == [400]


def test_a_report_before_the_first_check_says_what_to_type(tmp_path, run):
    log(project(tmp_path), World().calls(10))
    with pytest.raises(UserError) as refused:
        CliRunner().invoke(cli, ["monitor", "report"], catch_exceptions=False)
    assert refused.value.code == "no-checks"
