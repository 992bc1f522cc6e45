"""The redactor removes everything that the configuration excludes from the log, before it is written."""

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
from insource.redaction.rules import RedactionRule, any_at_end_of, any_of
from insource.redaction.secrets import NAMED, SECRETS, UNFINISHED_SECRETS
from insource.redaction.user_patterns import user_rules

ALL_TASKS = "*"
NAMED_SECRET = "[secret:named]"

Finder = Callable[[str], Iterable[tuple[int, int, str]]]
"""Yields (start, end, kind) of each finding in a text; offsets are in characters."""

# An escape inside a text matters only if it can encode a character of a rule: ASCII, a space or a dash.
_ESCAPE_IN_TEXT = r"\\u(?:00[02-7aA]|20)"
_ESCAPE_IN_RAW = r"\\u"
_SMALLEST_NUMBER = 10**7  # no rule removes a number with fewer digits


class _Object(msgspec.Struct):
    """Any JSON object. Decoding to this type checks the syntax without building values."""


_check_object = msgspec.json.Decoder(_Object).decode
_decode = msgspec.json.decode
_encode = msgspec.json.Encoder().encode


class PersonalFinding(NamedTuple):
    """A span of a text to remove, in bytes, with its replacement.

    ``rank`` is the position of its rule. ``began`` is the start of the keyword that makes it a finding.
    """

    start: int
    end: int
    rank: int
    replacement: bytes
    began: int


class Redactor:
    """Removes secrets, and whatever else is configured, from texts and JSON values.

    Immutable and thread-safe.

    Args:
        rules: what is removed; where findings overlap, the earlier rule names the replacement.
        pseudonyms: replacements for rules with ``normal`` and for ``finder``; others use a constant.
        unfinished: patterns of text that may become a finding when more text follows.
        finder: searches every text in addition to the rules.
        metadata_only: tasks whose calls are kept without content; ``*`` means all.
        custom: the user's rules; they can match anything, so every text is searched for them.
    """

    def __init__(
        self,
        rules: Sequence[RedactionRule] = SECRETS,
        *,
        pseudonyms: Pseudonyms | None = None,
        unfinished: Sequence[str] = UNFINISHED_SECRETS,
        finder: Finder | None = None,
        metadata_only: Iterable[str] = (),
        custom: Sequence[RedactionRule] = (),
    ) -> None:
        self._rules = (*rules, *custom)
        self._pseudonyms = pseudonyms
        self._finder = finder
        self._metadata_only = frozenset(metadata_only)
        self._names_secrets = any(rule in SECRETS for rule in rules)
        self._numbers = any(rule.normal for rule in self._rules) or finder is not None
        # The length of a custom match is unbounded, so streams are redacted at their end.
        self.unfinished = any_at_end_of(unfinished) if unfinished else None
        self.streams = not custom and finder is None
        prefilters = [rule.prefilter for rule in rules]
        self._suspect_raw = None if custom or finder else any_of([*prefilters, _ESCAPE_IN_RAW])
        self._suspect = any_of([*prefilters, _ESCAPE_IN_TEXT, *(rule.pattern for rule in custom)])

    @classmethod
    def from_config(cls, section: LogSection, root: Path) -> Redactor:
        """Build the redactor of ``[log]``, with the pseudonym key in the folder ``root`` (usually
        ``.insource``).

        Raises:
            ConfigError: ``config-invalid`` for an invalid pattern, with the reason.
            PrerequisiteError: ``pseudonym-key-unusable``; ``missing-extra`` or ``presidio-model-missing``
                for Presidio.
        """
        rules: list[RedactionRule] = []
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
        """Whether requests and answers of this task are recorded."""
        return task not in self._metadata_only and ALL_TASKS not in self._metadata_only

    def document(self, document: bytes) -> bytes:
        """Return the redacted JSON object, with unchanged bytes when there is nothing to remove.

        Raises:
            ValueError: it is not a JSON object in UTF-8.
        """
        try:
            _check_object(document)
            if not document.isascii():
                document.decode()
            checked = True
        except (msgspec.MsgspecError, UnicodeDecodeError):
            checked = False  # may still be JSON for Python: NaN, a lone surrogate
        if checked and self._is_clean(document):
            return document
        value = json.loads(document)
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        redacted = self.value(value)
        return document if checked and redacted == value else _encode(redacted)

    def _is_clean(self, document: bytes) -> bool:
        """Whether the raw document rules out any finding in its texts."""
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
        """Return the JSON value with its texts and keys redacted, and the values of keys that name a secret.

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
        """Return the redacted text."""
        data = text.encode("utf-8", "replace")
        return without(data, 0, self.findings(data))

    def findings(self, data: bytes) -> list[PersonalFinding]:
        """Return the findings in a UTF-8 text, from left to right, without overlaps."""
        found: list[PersonalFinding] = []
        if self._suspect.search(data) is not None:
            found += self._by_rules(data)
        if self._finder is not None:
            found += self._by_finder(data)
        return _merged(found)

    def _by_rules(self, data: bytes) -> Iterator[PersonalFinding]:
        view = resolved(data)
        for rank, rule in enumerate(self._rules):
            for start, end, began in rule.spans(data):
                first, last = view.clipped(start, end) if view else (start, end)
                if first < last:
                    yield PersonalFinding(first, last, rank, self._replacement(rule, data[first:last]), began)
            if view is not None:
                for start, end, began in rule.spans(view.data):
                    replacement = self._replacement(rule, view.data[start:end])
                    first, last = view.original(start, end)
                    yield PersonalFinding(first, last, rank, replacement, view.original(began, end)[0])

    def _by_finder(self, data: bytes) -> Iterator[PersonalFinding]:
        assert self._finder is not None
        assert self._pseudonyms is not None
        text = data.decode()
        for first, last, kind in self._finder(text):
            start = len(text[:first].encode())
            value = text[first:last]
            name = self._pseudonyms.name(kind, value.casefold().strip().encode())
            yield PersonalFinding(start, start + len(value.encode()), len(self._rules), name, start)

    def _replacement(self, rule: RedactionRule, value: bytes) -> bytes:
        if rule.normal is None:
            return f"[{rule.name}]".encode()
        assert self._pseudonyms is not None
        return self._pseudonyms.name(rule.name, rule.normal(value))


def without(data: bytes, start: int, findings: Sequence[PersonalFinding]) -> str:
    """Return a UTF-8 text from ``start`` on without its findings; one that starts before is left out."""
    pieces, position = [], start
    for finding in findings:
        if finding.start >= start:
            pieces += [data[position : finding.start], finding.replacement]
            position = finding.end
    return b"".join([*pieces, data[position:]]).decode()


def _merged(found: list[PersonalFinding]) -> list[PersonalFinding]:
    """Merge overlapping findings; the rule that comes first names the result."""
    merged: list[PersonalFinding] = []
    for finding in sorted(found):
        if not merged or finding.start >= merged[-1].end:
            merged.append(finding)
            continue
        before = merged.pop()
        best = min(before, finding, key=lambda either: either.rank)
        merged.append(
            PersonalFinding(
                before.start,
                max(before.end, finding.end),
                best.rank,
                best.replacement,
                min(before.began, finding.began),
            )
        )
    return merged
