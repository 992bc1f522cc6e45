"""Find secrets and personal data with the log's redaction rules, and replace them by pseudonyms."""

from __future__ import annotations

import secrets as random_bytes
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from insource.dataset.checks.check import Check, Context
from insource.dataset.checks.row_view import RowView, replaced
from insource.redaction.personal import PERSONAL
from insource.redaction.pseudonyms import Pseudonyms
from insource.redaction.redactor import Redactor
from insource.redaction.rules import RedactionRule
from insource.redaction.secrets import SECRETS
from insource.types import Dropped, Finding, Fix, Row

_KEY_BYTES = 32
_TEXTS = ("input", "prompt", "group")
LEAST_SHARED = 6
"""Characters of a value of the document that is looked for in the answer as it stands."""


class TakenOut(Check):
    """Replaces each value by the same pseudonym everywhere: input, answers, group and every row.

    Row ids are reported and never changed, because files and decisions refer to rows by them.
    """

    rules: ClassVar[tuple[RedactionRule, ...]]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._redactor = _redactor(self.rules, context.pseudonyms)
        self._kinds: Counter[str] = Counter()
        self._fixable = self._in_ids = 0

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        row = view.row
        said = [str(value) for _, value in (*view.leaves, *view.cloud_leaves)]
        names = self._names(row.input, row.prompt, row.group or "", *said)
        in_id = self._names(row.row_id)
        self._fixable += bool(names)
        self._in_ids += bool(in_id)
        if names or in_id:
            kinds = Counter(map(_kind, names + in_id))
            self._kinds.update(kinds.keys())
            # The value itself is not shown: findings are kept and printed.
            self.hits.add(row, ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items())))

    def finding(self) -> Finding:
        counted = ", ".join(f"{kind} in {count:,}" for kind, count in self._kinds.most_common(5))
        summary = f"{self.hits.count:,} rows hold {self.title.lower()}" + (f": {counted}" if counted else "")
        if self._in_ids:
            summary += f"; {self._in_ids:,} row ids hold some, and no fix changes an id"
        fix = Fix(action="change", summary="put a name in place of each, the same in input and answers")
        measures = {"rows_by_kind": dict(self._kinds.most_common()), "row_ids": self._in_ids}
        return self.report(summary, fix=fix if self._fixable else None, measures=measures)

    def fixed(self, index: int, view: RowView, parameters: Mapping[str, Any]) -> Row | Dropped:
        row = view.row
        shared = {**self._found(row.input), **self._found(row.prompt)}
        shared = {value: name for value, name in shared.items() if len(value) >= LEAST_SHARED}

        def change(_: str, value: Any) -> Any:
            if not isinstance(value, str):
                return self._redactor.value(value)
            for known, name in shared.items():
                value = value.replace(known, name)
            return self._redactor.text(value)

        mended = replaced(row, change)
        texts = {name: self._redactor.text(text) for name in _TEXTS if (text := getattr(row, name))}
        if all(text == getattr(row, name) for name, text in texts.items()):
            return mended
        return mended.model_copy(update=texts)

    def _names(self, *texts: str) -> list[str]:
        return [name for text in texts for name in self._found(text).values()]

    def _found(self, text: str) -> dict[str, str]:
        """Return what has to go from a text, and what is written instead."""
        if not text:
            return {}
        data = text.encode("utf-8", "replace")
        return {
            data[one.start : one.end].decode("utf-8", "replace"): one.replacement.decode()
            for one in self._redactor.findings(data)
        }


@cache
def _redactor(rules: tuple[RedactionRule, ...], pseudonyms: Pseudonyms | None) -> Redactor:
    """Compiled once a process; without a key, names are drawn for this process."""
    names = pseudonyms or Pseudonyms(random_bytes.token_bytes(_KEY_BYTES))
    return Redactor(rules, pseudonyms=names, unfinished=())


def _kind(name: str) -> str:
    """``[email:kfbhnqdt]`` is of the kind email, ``[secret:jwt]`` of jwt."""
    first, _, rest = name.strip("[]").partition(":")
    return rest if first == "secret" else first


class Secrets(TakenOut):
    name = "secrets"
    title = "Secrets"
    severity = "error"
    rules = SECRETS


class PersonalData(TakenOut):
    name = "personal-data"
    title = "Personal data"
    rules = PERSONAL
