"""What is deployed changes in one transaction, by one operator at a time, and survives."""

from datetime import UTC, datetime

import pytest

from insource.foundation.errors import IntegrityError, UserError
from insource.store.deployments.audits import add_anchor_checks, add_audits, anchor_checks_of, audits_of
from insource.store.deployments.registry import (
    DEPLOYMENTS,
    EVENTS,
    deployment_of,
    deployments,
    events,
    open_registry,
    record_event,
    swap,
)
from insource.types.deployment import AnchorCheck, Audit, Deployment, DeploymentEvent, Version

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
VERSION = Version(
    name="specs@a", task="specs", run_id="a", arm="tuned", digest="d", policy_digest="p", max_error=0.1
)
EMPTY = Deployment(task="specs", champion_since=NOW, challenger_since=NOW, step_since=NOW)


def event(kind="shadow", **fields):
    return DeploymentEvent(task="specs", revision=0, at=NOW, kind=kind, by="operator", reason="why", **fields)


def test_a_decision_and_its_event_are_kept_together(tmp_path):
    with open_registry(tmp_path) as registry:
        assert deployment_of(registry, "specs") is None
        made = swap(
            registry, EMPTY.model_copy(update={"challenger": VERSION, "stage": "shadow"}), event(), expected=0
        )
        record_event(registry, event("alert", evidence={"n": 3}))
    with open_registry(tmp_path) as registry:
        assert deployment_of(registry, "specs") == made
        assert deployments(registry) == (made,)
        assert [(one.kind, one.revision) for one in events(registry, "specs")] == [
            ("shadow", 1),
            ("alert", 0),
        ]
        assert [one.kind for one in events(registry, "specs", limit=1)] == ["alert"]


def test_events_of_one_author_are_not_hidden_by_many_others(tmp_path):
    with open_registry(tmp_path) as registry:
        told = event("alert", evidence={"alert_id": "a", "audit_factor": 4.0}, version="v")
        told = told.model_copy(update={"by": "monitor"})
        record_event(registry, told)
        for _ in range(100):
            record_event(registry, event("alert"))
        with registry.write() as connection:
            connection.execute(EVENTS.insert().values(task="specs", at=0, document="not json"))
        assert events(registry, "specs", limit=100, by="monitor") == (told,)


def test_the_second_of_two_operators_is_refused_and_changes_nothing(tmp_path):
    with open_registry(tmp_path) as registry, open_registry(tmp_path) as other:
        made = swap(registry, EMPTY, event(), expected=0)
        with pytest.raises(UserError) as refused:
            swap(other, EMPTY.model_copy(update={"stage": "canary"}), event("canary"), expected=0)
        assert refused.value.code == "deployment-changed"
        assert deployment_of(registry, "specs") == made
        assert len(events(registry, "specs")) == 1


@pytest.mark.parametrize("document", ['{"schema_version": 2}', "not json", '{"task": "specs"}'])
def test_what_cannot_be_read_is_never_guessed(tmp_path, document):
    with open_registry(tmp_path) as registry:
        swap(registry, EMPTY, event(), expected=0)
        newer = EMPTY.model_copy(update={"schema_version": 2}).model_dump_json()
        with registry.write() as connection:
            connection.execute(
                DEPLOYMENTS.update().values(document=newer if "version" in document else document)
            )
        with pytest.raises(IntegrityError) as refused:
            deployment_of(registry, "specs")
        assert refused.value.code == "deployment-unreadable"


def test_audits_and_anchor_checks_come_back_in_their_order(tmp_path):
    audits = [
        Audit(task="specs", version=version, call_id=str(i), at=NOW, source="canary", wrong=i == 1)
        for i, version in enumerate(("a", "b", "a"))
    ]
    check = AnchorCheck(task="specs", anchor_id="1", at=NOW, side="cloud", model="m", right=True)
    with open_registry(tmp_path) as registry:
        add_audits(registry, audits)
        add_audits(registry, [])
        add_anchor_checks(registry, [check])
        assert list(audits_of(registry, "specs")) == audits
        assert [one.call_id for one in audits_of(registry, "specs", version="a")] == ["0", "2"]
        assert audits_of(registry, "specs", since=NOW.replace(hour=13)) == ()
        assert audits_of(registry, "other") == ()
        assert anchor_checks_of(registry, "specs") == (check,)
