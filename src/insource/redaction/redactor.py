"""The redactor: what the configuration says must not be in the log is taken out of everything written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from insource.config.log import LogSection
from insource.redaction.escapes import resolved
from insource.redaction.personal import PERSONAL, UNFINISHED_PERSONAL
from insource.redaction.presidio import presidio_finder
from insource.redaction.pseudonyms import Pseudonyms
from insource.redaction.rules import Rule, any_at_end_of, any_of
from insource.redaction.secrets import NAMED, SECRETS, UNFINISHED_SECRETS
from insource.redaction.user_patterns import user_rules

ALL_TASKS = "*"
NAMED_SECRET = "[secret:named]"

Finder = Callable[[str], Iterable[tuple[int, int, str]]]
"""Finds (start, end, kind) in a text, in characters."""

# Inside a text, an escape matters when it may stand for a character of a rule: ASCII, or a space or a dash.
_ESCAPE_IN_TEXT = r"\\u(?:00[02-7aA]|20)"
_ESCAPE_IN_RAW = r"\\u"
_SMALLEST_NUMBER = 10**7  # no rule takes out a number of fewer digits


class _Object(msgspec.Struct):
    """Any JSON object: decoding to this checks the syntax and builds nothing."""


_check_object = msgspec.json.Decoder(_Object).decode
_decode = msgspec.json.decode
_encode = msgspec.json.Encoder().encode


class Finding(NamedTuple):
    """A stretch of a text that has to go, in bytes, and what is written in its place.

    ``rank`` is the place of its rule; ``began`` is where the words begin that make it a finding.
    """

    start: int
    end: int
    rank: int
    replacement: bytes
    began: int


class Redactor:
    """Takes secrets, and what else it is told, out of texts and JSON values. Immutable and thread-safe.

    Args:
        rules: what is taken out; where two find overlapping things, the earlier one names it.
        pseudonyms: for what is not replaced by a constant: rules with ``normal``, and ``finder``.
        unfinished: patterns of what may still become a finding when more text follows.
        finder: looks at every text beside the rules.
        metadata_only: tasks of whose calls no content is kept; ``*`` means all.
        custom: rules that may look at anything, so that nothing can be ruled out before they have.
    """

    def __init__(
        self,
        rules: Sequence[Rule] = SECRETS,
        *,
        pseudonyms: Pseudonyms | None = None,
        unfinished: Sequence[str] = UNFINISHED_SECRETS,
        finder: Finder | None = None,
        metadata_only: Iterable[str] = (),
        custom: Sequence[Rule] = (),
    ) -> None:
        self._rules = (*rules, *custom)
        self._pseudonyms = pseudonyms
        self._finder = finder
        self._metadata_only = frozenset(metadata_only)
        self._names_secrets = any(rule in SECRETS for rule in rules)
        self._numbers = any(rule.normal for rule in self._rules) or finder is not None
        # Of other rules nobody knows how far a match may reach, so their streams wait for the end.
        self.unfinished = any_at_end_of(unfinished) if unfinished else None
        self.streams = not custom and finder is None
        prefilters = [rule.prefilter for rule in rules]
        self._suspect_raw = None if custom or finder else any_of([*prefilters, _ESCAPE_IN_RAW])
        self._suspect = any_of([*prefilters, _ESCAPE_IN_TEXT, *(rule.pattern for rule in custom)])

    @classmethod
    def from_config(cls, section: LogSection, root: Path) -> Redactor:
        """The redactor of ``[log]``, with the pseudonym key of the folder ``root`` (usually ``.insource``).

        Raises:
            ConfigError: ``config-invalid`` for a pattern that is none, with the reason.
            PrerequisiteError: ``pseudonym-key-unusable``; ``missing-extra`` for Presidio.
        """
        rules: list[Rule] = []
        unfinished: list[str] = []
        if "secrets" in section.redact:
            rules += SECRETS
            unfinished += UNFINISHED_SECRETS
        if "personal" in section.redact:
            rules += PERSONAL
            unfinished += UNFINISHED_PERSONAL
        custom = user_rules(section.patterns)
        finder = presidio_finder() if section.presidio else None
        named = custom or finder or any(rule.normal for rule in rules)
        return cls(
            rules,
            pseudonyms=Pseudonyms.of(root) if named else None,
            unfinished=unfinished,
            finder=finder,
            metadata_only=section.metadata_only,
            custom=custom,
        )

    def keeps_content(self, task: str) -> bool:
        """Whether requests and answers of this task are kept at all."""
        return task not in self._metadata_only and ALL_TASKS not in self._metadata_only

    def document(self, document: bytes) -> bytes:
        """The same JSON object without what has to go; the very same bytes when there is nothing.

        Raises:
            ValueError: when it is not a JSON object in UTF-8.
        """
        try:
            _check_object(document)
            if not document.isascii():
                document.decode()
            checked = True
        except (msgspec.MsgspecError, UnicodeDecodeError):
            checked = False  # perhaps JSON all the same: NaN, half a surrogate pair
        if checked and self._is_clean(document):
            return document
        value = json.loads(document)
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        redacted = self.value(value)
        return document if checked and redacted == value else _encode(redacted)

    def _is_clean(self, document: bytes) -> bool:
        """Whether nothing can be found in a document's texts, by its spelling alone."""
        if self._suspect_raw is None:
            return False
        if self._suspect_raw.search(document) is None:
            return True
        if b"\\u" not in document:
            return False
        try:
            return self._suspect.search(_encode(_decode(document))) is None
        except (msgspec.MsgspecError, UnicodeError):
            return False

    def value(self, value: Any) -> Any:
        """The same JSON value without what has to go: in texts, in keys, and under keys that name a secret.

        Lone surrogates, which neither UTF-8 nor the store can hold, become ``?``.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(key) if isinstance(key, str) else key: self._field(key, item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, int) and self._numbers and abs(value) >= _SMALLEST_NUMBER:
            written = str(value)
            redacted = self.text(written)
            return value if redacted == written else redacted
        return value

    def _field(self, key: Any, item: Any) -> Any:
        named = self._names_secrets and isinstance(item, str) and item and isinstance(key, str)
        if named and NAMED.fullmatch(key.encode("utf-8", "replace")):
            return NAMED_SECRET
        return self.value(item)

    def text(self, text: str) -> str:
        """The text without what has to go."""
        data = text.encode("utf-8", "replace")
        findings = self.findings(data)
        if not findings:
            return text if text.isascii() else data.decode()
        pieces, position = [], 0
        for finding in findings:
            pieces += [data[position : finding.start], finding.replacement]
            position = finding.end
        return b"".join([*pieces, data[position:]]).decode()

    def findings(self, data: bytes) -> list[Finding]:
        """What has to go from a text in UTF-8, from left to right, without overlaps."""
        found: list[Finding] = []
        if self._suspect.search(data) is not None:
            found += self._by_rules(data)
        if self._finder is not None:
            found += self._by_finder(data)
        return _merged(found)

    def _by_rules(self, data: bytes) -> Iterator[Finding]:
        view = resolved(data)
        for rank, rule in enumerate(self._rules):
            for start, end, began in rule.spans(data):
                first, last = view.clipped(start, end) if view else (start, end)
                if first < last:
                    yield Finding(first, last, rank, self._replacement(rule, data[first:last]), began)
            if view is not None:
                for start, end, began in rule.spans(view.data):
                    replacement = self._replacement(rule, view.data[start:end])
                    first, last = view.original(start, end)
                    yield Finding(first, last, rank, replacement, view.original(began, end)[0])

    def _by_finder(self, data: bytes) -> Iterator[Finding]:
        assert self._finder is not None
        assert self._pseudonyms is not None
        text = data.decode()
        for first, last, kind in self._finder(text):
            start = len(text[:first].encode())
            value = text[first:last]
            name = self._pseudonyms.name(kind, value.casefold().strip().encode())
            yield Finding(start, start + len(value.encode()), len(self._rules), name, start)

    def _replacement(self, rule: Rule, value: bytes) -> bytes:
        if rule.normal is None:
            return f"[{rule.name}]".encode()
        assert self._pseudonyms is not None
        return self._pseudonyms.name(rule.name, rule.normal(value))


def _merged(found: list[Finding]) -> list[Finding]:
    """Overlapping findings as one, under the name of the rule that comes first."""
    merged: list[Finding] = []
    for finding in sorted(found):
        if not merged or finding.start >= merged[-1].end:
            merged.append(finding)
            continue
        before = merged.pop()
        best = min(before, finding, key=lambda either: either.rank)
        merged.append(
            Finding(
                before.start,
                max(before.end, finding.end),
                best.rank,
                best.replacement,
                min(before.began, finding.began),
            )
        )
    return merged
