"""Read the key of the build that a project stands for now, without building it."""

from __future__ import annotations

from typing import Any, NamedTuple

from insource.dataset.checks.sensitive_data import PersonalData, Secrets
from insource.dataset.key import build_spec
from insource.dataset.settings import BuildSettings
from insource.dataset.sources.files import content_digest, source_digest
from insource.dataset.splits.stored import ledger
from insource.foundation.canonical import digest
from insource.foundation.errors import InsourceError
from insource.logs.paid import ARM_SOURCE
from insource.logs.query import Log
from insource.logs.recorder import STORE_FILE
from insource.models.catalogue import at_hand, resolve
from insource.redaction.pseudonyms import KEY_FILE, Pseudonyms
from insource.runs.folders import StageSpec
from insource.store.calls.position import calls_of, feedback_given, removals
from insource.store.database import open_database
from insource.training.count import token_counter
from insource.types import Text
from insource.workflow.project import Project

NAMING = (Secrets.name, PersonalData.name)
GATEWAY = "gateway"


class BuildKey(NamedTuple):
    """What identifies a build. ``from_log`` says that its rows are calls of the log."""

    spec: StageSpec
    from_log: bool

    @property
    def log(self) -> str:
        """The state of the log."""
        return self.spec.inputs["log"]

    def follows(self, before: BuildKey, log: str) -> bool:
        """Return whether nothing changed since ``before``, which was read when a build began.

        ``log`` is the state of the log that answers were read from. The cloud may have been asked in between
        when the rows come from elsewhere. The build itself changes the stored splits.
        """
        rows_stayed = not self.from_log or before.log == log
        return rows_stayed and self.log == log and self._but_log_and_splits() == before._but_log_and_splits()

    def on_splits(self, splits: str) -> BuildKey:
        """Return the key with another state of the stored splits."""
        inputs = self.spec.inputs | {"splits": splits}
        return self._replace(spec=self.spec.model_copy(update={"inputs": inputs}))

    def _but_log_and_splits(self) -> StageSpec:
        return self.on_splits("").spec.model_copy(
            update={"inputs": self.spec.inputs | {"log": "", "splits": ""}}
        )


def read_key(project: Project, settings: BuildSettings) -> BuildKey | None:
    """Return the key of a build now; None when the rows come from a log that cannot be brought up to date.

    Files are hashed, the stored splits are read, and the log is asked how many calls it has. Rows from a log
    are drained from the spool first. Split segments that a killed build left pending are settled, and the
    key of pseudonyms is made when an accepted fix needs one.

    Raises:
        InsourceError: as the build does, for what cannot be read.
    """
    section = project.config.dataset
    from_log = section.format == "log"
    if from_log and not _drained(project):
        return None
    splits, schemas = project.splits_path, project.config.task.schemas_path
    with ledger(splits, project.datasets_path, keeps=splits.exists()) as kept:
        stored = kept.stored.digest
    spec = build_spec(
        settings,
        section,
        inputs={
            "source": source_digest(section, project.rows_path),
            "schemas": content_digest(project.folder / schemas) if schemas else "",
            "synthetic": content_digest(project.synthetic_path),
            "splits": stored,
            "log": log_state(project),
            **({"fresh": content_digest(project.fresh_path)} if project.fresh_path.exists() else {}),
        },
        checks=_checks(project, settings),
    )
    return BuildKey(spec, from_log)


def log_state(project: Project) -> str:
    """Return a digest of which calls a build may take rows or answers from, and of what was said about them.

    Answers to the dataset's documents are asked for by a recorder, never by the gateway, so the traffic of a
    gateway changes only builds whose rows come from the log. What an arm bought changes no build.
    """
    path = project.workspace / STORE_FILE
    if not path.exists():
        return ""
    task, section = project.config.task.name, project.config.dataset
    with open_database(path) as database:
        found = [calls_of(database, task, but_from=(GATEWAY, ARM_SOURCE))]
        said = (0, 0)
        if section.format == "log":
            rows = section.calls.task or task
            of_rows = None if rows == "*" else rows
            found.append(calls_of(database, of_rows, but_from=(ARM_SOURCE,)))
            said = feedback_given(database, of_rows)
        if not any(one.calls for one in found):
            return ""  # as without a store
        # Another store, or this one after a purge, may hold other calls that started at the same times.
        return digest([database.identity(), removals(database), said, *(one.model_dump() for one in found)])


def names_values(settings: BuildSettings) -> bool:
    """Return whether an accepted fix puts pseudonyms in the place of values."""
    return bool(set(NAMING) & set(settings.accepted))


def _checks(project: Project, settings: BuildSettings) -> dict[str, Any]:
    """Return what accepted fixes know beside the rows."""
    config = project.config
    found: dict[str, Any] = {"instruction": config.task.instruction}
    if names_values(settings):
        Pseudonyms.of(project.workspace)  # which makes the key when there is none yet
        found["pseudonyms"] = content_digest(project.workspace / KEY_FILE)
    if "over-length" in settings.accepted:
        training = config.training
        _, not_counted = token_counter(training.model, project.task(Text()))
        found |= {"model": training.model, "max_tokens": training.max_tokens, "not_counted": not_counted}
        found["model_digest"] = resolve(training.model).digest if at_hand(training.model) else ""
    return found


def _drained(project: Project) -> bool:
    """Bring the calls that have ended into the store; return whether that was possible."""
    try:
        with Log(project.workspace) as log:
            log.drain()
    except InsourceError:
        return False
    return True
