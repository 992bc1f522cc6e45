"""The rule file that maps templates to tasks. People may rename the tasks in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from insource.foundation.errors import ConfigError
from insource.foundation.files import replace_text
from insource.logs.discovery.candidates import TaskCandidate
from insource.logs.discovery.prompts import Prompt, read_prompt
from insource.logs.discovery.templates import Template, TemplateIndex
from insource.types import Frozen

FILE_NAME = "tasks.toml"
_REDACTED = re.compile(r"\[[\w:-]+:[\w-]+\]")  # [secret:jwt], [email:kfbhnqdt]
_HEADER = """\
# Written by `insource logs discover --apply`: which prompt template belongs to which task.
# To rename a task, change `task` in all its rules. Do not edit the segments: they identify a rule.
# The [[passed_over]] templates are rewritten each time; to keep one, turn it into a [[rule]] with a task.
"""


class Pattern(Frozen):
    """A template as stored in the file."""

    fingerprint: str
    segments: tuple[str, ...] = Field(min_length=1)
    schema_keys: str = ""
    tools: str = ""

    @property
    def template(self) -> Template:
        return Template(segments=self.segments, schema_keys=self.schema_keys, tools=self.tools)


class TaskRule(Pattern):
    """Assigns calls made from this template to a task."""

    task: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")


class Rules(Frozen):
    """All rules of a project.

    ``passed_over`` are the templates of groups that are not a narrow task. A call that matches one of them is
    not assigned to a task whose template is less specific.
    """

    rule: tuple[TaskRule, ...] = ()
    passed_over: tuple[Pattern, ...] = ()

    def templates(self) -> list[Template]:
        """Return the templates of the tasks."""
        return [rule.template for rule in self.rule]

    def names(self) -> dict[str, str]:
        """Return the tasks by fingerprint."""
        return {rule.template.fingerprint: rule.task for rule in self.rule}

    def with_candidates(self, candidates: Sequence[TaskCandidate]) -> Rules:
        """Return these rules plus those of the candidates; a template that already has a rule keeps it."""
        known = self.names()
        rules, passed_over = list(self.rule), []
        for candidate in candidates:
            for version in candidate.versions:
                fields = version.template.model_dump() | {"fingerprint": version.fingerprint}
                if version.fingerprint in known:
                    continue
                if candidate.verdict == "not narrow":
                    passed_over.append(Pattern(**fields))
                else:
                    rules.append(TaskRule(task=candidate.name, **fields))
        return Rules(rule=tuple(rules), passed_over=tuple(passed_over))


class TaskFinder:
    """Finds the task of a prompt by the rules.

    With ``redacted`` true, prompts come from the log and are redacted like the templates. With false, prompts
    are as sent, and a redaction mark in a template matches any text.
    """

    def __init__(self, rules: Rules, *, redacted: bool = True) -> None:
        found = [(rule.template, rule.task) for rule in rules.rule]
        passed_over = [one.template for one in rules.passed_over]
        if not redacted:
            found = [(_as_sent(template), task) for template, task in found]
            passed_over = [_as_sent(template) for template in passed_over]
        self._names = {template.fingerprint: task for template, task in found}
        self._index = TemplateIndex([*(template for template, _ in found), *passed_over])

    def task(self, prompt: Prompt) -> str | None:
        """Return the task of the most specific matching template; None without one or if it
        was passed over.
        """
        template = self._index.find(prompt)
        return None if template is None else self._names.get(template.fingerprint)

    def task_of(self, request: dict[str, Any]) -> str:
        """Return the task of a request document; empty when there is none."""
        prompt = read_prompt(request)
        return (self.task(prompt) or "") if prompt is not None else ""


def _as_sent(template: Template) -> Template:
    pieces = [piece for segment in template.segments for piece in _REDACTED.split(segment)]
    return template.model_copy(update={"segments": tuple(filter(None, pieces)) or template.segments})


def load_rules(path: Path) -> Rules:
    """Load the rules of a file; return empty rules when the file does not exist.

    Raises:
        ConfigError: ``rules-invalid``, with the problem.
    """
    if not path.exists():
        return Rules()
    try:
        return Rules.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error)
        raise ConfigError(
            "rules-invalid",
            f"The rule file {path} is invalid: {why}.",
            hint=f"Correct it, or move it away and discover the tasks again: mv {path} {path}.old",
        ) from error


def save_rules(path: Path, rules: Rules) -> None:
    """Write the rules atomically, readable by their owner only, because templates quote prompts."""

    import tomlkit

    document = tomlkit.parse(_HEADER)
    for name, patterns in (("rule", rules.rule), ("passed_over", rules.passed_over)):
        tables = tomlkit.aot()
        for pattern in patterns:
            table = tomlkit.table()
            for key, value in pattern.model_dump(mode="json").items():
                if value:
                    table.add(key, value)
            tables.append(table)
        if patterns:
            document.add(name, tables)
    replace_text(path, tomlkit.dumps(document), mode=0o600)
