"""The rule file: which template belongs to which task. People may rename the tasks in it."""

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
# Rename a task by changing `task` at all its rules; a rule is known by its segments, leave them as they are.
# What was passed over is written anew each time; to keep such a template, make it a [[rule]] with a task.
"""


class Pattern(Frozen):
    """A template as the file has it."""

    fingerprint: str
    segments: tuple[str, ...] = Field(min_length=1)
    schema_keys: str = ""
    tools: str = ""

    @property
    def template(self) -> Template:
        return Template(segments=self.segments, schema_keys=self.schema_keys, tools=self.tools)


class TaskRule(Pattern):
    """Calls made from this template belong to this task."""

    task: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")


class Rules(Frozen):
    """All rules of a project.

    ``passed_over`` are the templates of groups that are no narrow task: a call made from one of them is not
    of a task whose template is less specific.
    """

    rule: tuple[TaskRule, ...] = ()
    passed_over: tuple[Pattern, ...] = ()

    def templates(self) -> list[Template]:
        """Those of the tasks."""
        return [rule.template for rule in self.rule]

    def names(self) -> dict[str, str]:
        """Task by fingerprint."""
        return {rule.template.fingerprint: rule.task for rule in self.rule}

    def with_candidates(self, candidates: Sequence[TaskCandidate]) -> Rules:
        """These rules and the candidates'; a template that has a rule keeps it."""
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
    """The task of a prompt, by the rules.

    ``redacted`` says that prompts come from the log, as the templates do. In one as it was sent, anything
    may stand where a template has what redaction put there.
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
        """The task of the most specific template that fits, None when there is none or it was passed over."""
        template = self._index.find(prompt)
        return None if template is None else self._names.get(template.fingerprint)

    def task_of(self, request: dict[str, Any]) -> str:
        """The task of a request's document, empty when there is none."""
        prompt = read_prompt(request)
        return (self.task(prompt) or "") if prompt is not None else ""


def _as_sent(template: Template) -> Template:
    pieces = [piece for segment in template.segments for piece in _REDACTED.split(segment)]
    return template.model_copy(update={"segments": tuple(filter(None, pieces)) or template.segments})


def load_rules(path: Path) -> Rules:
    """The rules of a file; none when there is no file.

    Raises:
        ConfigError: ``rules-invalid`` with what is wrong in the file.
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
            f"The rule file {path} cannot be used: {why}.",
            hint=f"Mend it, or move it away and find the tasks anew: mv {path} {path}.old",
        ) from error


def save_rules(path: Path, rules: Rules) -> None:
    """Write the rules, readable by their owner only: templates quote prompts. Atomic."""

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
