"""What Prometheus scrapes at ``/metrics``: the tasks of this gateway, and the newest checks of the monitor.

Source: the Prometheus text exposition format, version 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from insource.foundation.errors import InsourceError
from insource.store.deployments.checks import checks_of
from insource.store.deployments.registry import FILE_NAME, open_registry
from insource.types.monitoring import Check

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class _Sample(NamedTuple):
    name: str
    labels: dict[str, str]
    value: float | int | None


_KINDS = {
    "insource_calls_total": ("counter", "Calls of a task since the gateway started, by their reason."),
    "insource_engine_alive": ("gauge", "Whether the local model of a task can answer."),
    "insource_calls_waiting": ("gauge", "Calls that wait for the local model of a task."),
    "insource_monitor_checked_seconds": ("gauge", "Time of the newest check of the monitor, Unix time."),
    "insource_monitor_input_auroc": ("gauge", "How well recent documents are told apart; 0.5 is not."),
    "insource_monitor_input_p_value": ("gauge", "P-value of the drift of documents."),
    "insource_monitor_estimated_right": ("gauge", "Estimated share of right answers, without labels."),
    "insource_monitor_audited_wrong": ("gauge", "Share of wrong answers among those audited."),
    "insource_monitor_audits": ("gauge", "Audited answers of the version."),
    "insource_monitor_alert": ("gauge", "1 for each alert that is open."),
}


def exposition(states: Mapping[str, Mapping[str, Any]], checks: Iterable[Check]) -> bytes:
    """Return the text of all samples; ``states`` has what ``InsourcedTask.state`` says of each task.

    What was not measured has no sample, because Prometheus would take a number for one.
    """
    samples = [sample for name, state in states.items() for sample in _of_task(name, state)]
    samples += [sample for check in checks for sample in _of_check(check)]
    lines = []
    for name, (kind, help_text) in _KINDS.items():
        found = [sample for sample in samples if sample.name == name and sample.value is not None]
        if found:
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", *map(_line, found)]
    return "".join(f"{line}\n" for line in lines).encode()


def newest_checks(workspace: Path, tasks: Sequence[str]) -> tuple[Check, ...]:
    """Return the newest check of each task; none where the registry does not exist or cannot be read."""
    if not (workspace / FILE_NAME).is_file():
        return ()
    try:
        with open_registry(workspace) as registry:
            return tuple(check for task in tasks for check in checks_of(registry, task, limit=1))
    except InsourceError:  # a scrape must not fail for it; the metrics are absent then
        return ()


def _of_task(name: str, state: Mapping[str, Any]) -> Iterator[_Sample]:
    for reason, count in state["reasons"].items():
        yield _Sample("insource_calls_total", {"task": name, "reason": reason}, count)
    yield _Sample("insource_engine_alive", {"task": name}, int(state["engine"]["alive"]))
    yield _Sample("insource_calls_waiting", {"task": name}, state["waiting"])


def _of_check(check: Check) -> Iterator[_Sample]:
    of = {"task": check.task, "version": check.version}
    yield _Sample("insource_monitor_checked_seconds", of, check.at.timestamp())
    if check.inputs is not None:
        yield _Sample("insource_monitor_input_auroc", of, check.inputs.auroc.value)
        yield _Sample("insource_monitor_input_p_value", of, check.inputs.p_value)
    if check.quality is not None and check.quality.calibrated:
        yield _Sample("insource_monitor_estimated_right", of, check.quality.estimate.value)
    if check.agreement is not None:
        yield _Sample("insource_monitor_audited_wrong", of, check.agreement.wrong.value)
        yield _Sample("insource_monitor_audits", of, check.agreement.wrong.n)
    for alert in check.open:
        yield _Sample("insource_monitor_alert", of | {"signal": alert.signal, "key": alert.key}, 1)


def _line(sample: _Sample) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items())
    return f"{sample.name}{{{labels}}} {sample.value!r}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
