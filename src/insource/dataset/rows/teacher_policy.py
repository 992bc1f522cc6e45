"""Read the policy on teachers' answers, and refuse to train on answers that it does not allow.

Providers' terms restrict what their outputs may be used for, and what counts as competing is for a lawyer.
Insource keeps what you decided, on which terms, and holds training to it.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import tomlkit
from pydantic import ValidationError

from insource.foundation.errors import IntegrityError, UserError
from insource.foundation.files import replace_text
from insource.types import Example, Frozen, Provenance, Row

SHOWN = 8
_HEADER = """\
Whose answers may be trained on, the first match wins. What matches nothing may not.
Written by `insource dataset policy`; `terms` is the version of the provider's terms you read.
Of several rules for one model, the latest that is no later than an answer was in force for it; that one
and the newest have to allow it."""


class TeacherRule(Frozen):
    """A rule for the teachers that match ``model``, such as ``openai/*``.

    ``terms`` names the terms that were read, ``date`` since when they hold (ISO 8601).
    """

    model: str
    train: Literal["allow", "refuse"]
    terms: str = ""
    date: str = ""
    note: str = ""


class TeacherPolicy(Frozen):
    """The rules of one project, in their order."""

    teacher: tuple[TeacherRule, ...] = ()

    def rules_for(self, origin: Provenance) -> tuple[TeacherRule, ...]:
        """Return the rules for the teacher, the newest last: all with the first ``model`` that matches it."""
        name = teacher_name(origin)
        matching = next((rule.model for rule in self.teacher if fnmatchcase(name, rule.model)), None)
        rules = [rule for rule in reversed(self.teacher) if rule.model == matching]
        return tuple(sorted(rules, key=lambda rule: rule.date))

    def in_force(self, origin: Provenance) -> TeacherRule | None:
        """Return the rule in force when the teacher answered, the first one if that is unknown or earlier."""
        rules = self.rules_for(origin)
        before = [rule for rule in rules if rule.date <= origin.date]
        return (before[-1] if before else rules[0]) if rules else None

    def objection(self, origin: Provenance) -> str:
        """Return why the teacher's answer may not be trained on, or an empty text.

        Both the rule in force when it was given and the newest rule have to allow it.
        """
        if (possible := self._possible_refusal(origin)) is not None:
            return f"{possible.model} is refused, and which provider answered is not known"
        rule = self.in_force(origin)
        if rule is None:
            return "No rule names them"
        if self.rules_for(origin)[-1].train == "refuse":
            return "The policy refuses them"
        return (
            "" if rule.train == "allow" else f"The rule of {rule.date}, in force when they answered, refuses"
        )

    def _possible_refusal(self, origin: Provenance) -> TeacherRule | None:
        """Return a refusal that may cover an answer of which only the model is known.

        Many imported logs do not name the provider. A rule before it that names the model without a provider
        takes precedence.
        """
        if origin.provider:
            return None
        for rule in self.teacher:
            if fnmatchcase(origin.model, rule.model):
                return None
            _, slash, model = rule.model.partition("/")
            if slash and rule.train == "refuse" and fnmatchcase(origin.model, model):
                return rule
        return None

    def terms_of(self, origin: Provenance) -> str:
        """Return the terms under which a teacher's answer was given; empty for people's."""
        rule = self.in_force(origin) if origin.from_teacher else None
        return origin.terms or (rule.terms if rule is not None else "")

    def with_rule(self, new: TeacherRule) -> TeacherPolicy:
        """Return the policy with a rule on top.

        A decision on the same terms, or on none, replaces the newest rule and keeps its terms and date. Other
        terms are a rule of their own, from their date.
        """
        older = [rule for rule in reversed(self.teacher) if rule.model == new.model]
        newest = sorted(older, key=lambda rule: rule.date)[-1] if older else None
        if newest is not None and new.terms in ("", newest.terms):
            new = new.model_copy(update={"terms": newest.terms, "date": newest.date})
        rest = (rule for rule in self.teacher if (rule.model, rule.date) != (new.model, new.date))
        return TeacherPolicy(teacher=(new, *rest))


NO_POLICY = TeacherPolicy()


def with_terms(row: Row, policy: TeacherPolicy) -> Row:
    """Return the row with the terms of its teacher's answer; later rules do not change them."""
    terms = policy.terms_of(row.provenance)
    if terms == row.provenance.terms:
        return row
    return row.model_copy(update={"provenance": row.provenance.model_copy(update={"terms": terms})})


def teacher_name(origin: Provenance) -> str:
    """``provider/model``, or as much of it as is known."""
    return "/".join(part for part in (origin.provider, origin.model) if part) or "unknown"


def co_teachers(parents: Iterable[Provenance], teacher: Provenance) -> tuple[str, ...]:
    """Return the teachers whose answers are in these rows, without ``teacher``."""
    origins = (origin for origin in parents if origin.from_teacher)
    names = (name for origin in origins for name in (teacher_name(origin), *origin.co_teachers))
    return tuple(dict.fromkeys(name for name in names if name != teacher_name(teacher)))


def _teachers_of(origin: Provenance) -> Iterator[Provenance]:
    """Yield the origin once for each teacher of its unedited words."""
    if origin.from_teacher:
        yield origin
        for name in origin.co_teachers:
            provider, model = name.split("/", 1) if "/" in name else ("", name)
            yield origin.model_copy(update={"provider": provider, "model": model})


def check_teachers(examples: Iterable[Example], policy: TeacherPolicy, path: Path) -> None:
    """Refuse to train on answers of teachers that the policy does not allow; people's corrections pass.

    Raises:
        IntegrityError: ``teacher-not-allowed``, naming the teachers and the rows.
    """
    refused: Counter[str] = Counter()
    rows: list[str] = []
    objections: set[str] = set()
    total = 0
    for example in examples:
        against = {
            teacher_name(one): found
            for one in _teachers_of(example.provenance)
            if (found := policy.objection(one))
        }
        objections.update(against.values())
        refused.update(against.keys())
        total += bool(against)
        if against and len(rows) < SHOWN:
            rows.append(example.row_id)
    if not refused:
        return
    teachers = ", ".join(f"{name} ({count:,})" for name, count in refused.most_common())
    more = f" and {total - len(rows):,} more" if total > len(rows) else ""
    first = refused.most_common(1)[0][0]
    raise IntegrityError(
        "teacher-not-allowed",
        f"{total:,} training rows have answers of models that may not be trained on: {teachers}.",
        details=(
            f"Rows: {', '.join(rows)}{more}.",
            *(f"{objection}, in {path.name}." for objection in sorted(objections)),
        ),
        hint="Read the provider's terms; if they allow it: "
        f"insource dataset policy --allow '{first}' --terms …",
    )


def read_policy(path: Path) -> TeacherPolicy:
    """Return the policy; one without rules when the file is not there.

    Raises:
        UserError: ``policy-unreadable``.
    """
    if not path.exists():
        return TeacherPolicy()
    try:
        return TeacherPolicy.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise UserError(
            "policy-unreadable",
            f"The policy in {path} cannot be read: {str(error).splitlines()[0]}.",
            hint="Correct the file. A rule has `model`, `train` (allow or refuse), `terms`, `date`, `note`.",
            details=tuple(str(error).splitlines()[1:4]),
        ) from error


def write_policy(path: Path, rules: Sequence[TeacherRule]) -> None:
    """Write the whole file, in the rules' order."""
    document = tomlkit.document()
    for line in _HEADER.splitlines():
        document.add(tomlkit.comment(line))
    tables = tomlkit.aot()
    for rule in rules:
        tables.append(tomlkit.item(rule.model_dump(exclude_defaults=True)))
    document.add("teacher", tables)
    replace_text(path, tomlkit.dumps(document))
