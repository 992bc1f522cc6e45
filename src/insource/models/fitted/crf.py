"""A fitted tagger of short texts: values that stand in the text are marked, the others are labels of it."""

from __future__ import annotations

import json
import math
import re
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

from insource.foundation.files import write_json
from insource.models.fitted.labels import LabelModel
from insource.models.fitted.protocol import Answer

TAGGER, FILE = "tagger.crfsuite", "crf.json"
TOKEN = re.compile(r"\w+|[^\w\s]")
MOST_TOKENS = 2000  # a longer text is tagged up to here
OUTSIDE = "O"
WINDOW = 2
LEAST = 1e-6  # a marginal is never 0: its logarithm is summed


class TaggedField(NamedTuple):
    """One leaf of the answer, and where its value comes from.

    ``path`` are the keys from the root. ``source``: a ``tag`` in the text, a ``label`` of the whole text, or
    ``nothing``. ``numeric`` values are written as JSON numbers. ``listed``: one value (``never``), a list of
    two and more (``several``), or always a list. ``absent`` is written where there is no value, as JSON;
    empty: the key is left out.
    """

    path: tuple[str, ...]
    source: Literal["tag", "label", "nothing"]
    numeric: bool
    listed: Literal["never", "several", "always"]
    absent: str

    @property
    def name(self) -> str:
        """The path in one text, as fields are named elsewhere."""
        return ".".join(self.path)


class Span(NamedTuple):
    """A marked value: its text, and the probability of all its tags."""

    text: str
    confidence: float


def tokens(text: str) -> list[re.Match[str]]:
    """Return the words and marks of a text, with their places."""
    found = TOKEN.finditer(text.encode("utf-8", "replace").decode())
    return [match for match, _ in zip(found, range(MOST_TOKENS), strict=False)]


def token_features(words: Sequence[str], judged: Mapping[str, str]) -> list[list[str]]:
    """Return the features of each token: itself, its shape and ends, its neighbours, the judged labels."""
    always = ["bias", *(f"{name}={label}" for name, label in judged.items())]
    lower = [word.casefold() for word in words]
    found = []
    for at, word in enumerate(words):
        own = lower[at]
        features = [*always, f"w={own}", f"shape={_shape(word)}"]
        features += [f"pre={own[:size]}" for size in (2, 3)] + [f"suf={own[-size:]}" for size in (2, 3)]
        for step in range(1, WINDOW + 1):
            features.append(f"-{step}={lower[at - step] if at >= step else '<'}")
            features.append(f"+{step}={lower[at + step] if at + step < len(words) else '>'}")
        features.append(f"-1w={lower[at - 1] if at else '<'} {own}")
        features.append(f"w+1={own} {lower[at + 1] if at + 1 < len(words) else '>'}")
        found.append(features)
    return found


def _shape(word: str) -> str:
    kinds = ("9" if c.isdigit() else "A" if c.isupper() else "a" if c.isalpha() else c for c in word)
    return re.sub(r"(.)\1+", r"\1+", "".join(kinds))


class CrfModel:
    """Answers JSON with the keys in the order of ``fields``. The tagger's bytes are a crfsuite model.

    ``calibration`` is (a, b): the answer is right with probability 1 / (1 + exp(−a · s − b)), where s is the
    sum of the logarithms of the field confidences.
    """

    kind: ClassVar[str] = "crf"

    def __init__(
        self,
        fields: Sequence[TaggedField],
        tagger: bytes,
        judges: Mapping[str, LabelModel],
        calibration: tuple[float, float],
    ) -> None:
        import pycrfsuite

        self.fields = tuple(fields)
        self._bytes = tagger
        self._judges = dict(judges)
        self._calibration = calibration
        self._tagger = pycrfsuite.Tagger()
        if tagger:
            self._tagger.open_inmemory(tagger)
        self.embeds = any(judge.embeds for judge in judges.values())
        self._lock = threading.Lock()  # a tagger holds one text at a time

    def answer(self, document: str, attributes: Sequence[str] | None = None) -> Answer:
        """Answer one document, or its top-level fields ``attributes``."""
        judged = {name: judge.answer(document) for name, judge in self._judges.items()}
        return self.answer_judged(document, judged, attributes)

    def answer_judged(
        self, document: str, judged: Mapping[str, Answer], attributes: Sequence[str] | None = None
    ) -> Answer:
        """Answer as ``answer``, with the verdicts of the label models given."""
        spans, unmarked = self._mark(document, {name: one.text for name, one in judged.items()})
        answer: dict[str, Any] = {}
        confidences: dict[str, float] = {}
        for field in self.fields:
            if attributes is not None and field.path[0] not in attributes:
                continue
            found, confidence = [], 1.0
            if field.source == "label":
                verdict = judged[field.name]
                found = [json.loads(verdict.text)] if verdict.text else []
                confidence = verdict.confidence or 0.0
            elif field.source == "tag":
                found, confidence = _values(field, spans[field.name], unmarked.get(field.name, 1.0))
            if field.source != "nothing":
                confidences[field.name] = confidence
            _put(answer, field, found)
        return Answer(
            json.dumps(answer, ensure_ascii=False, separators=(",", ":")),
            self._calibrated(confidences),
            confidences,
        )

    def _calibrated(self, confidences: Mapping[str, float]) -> float:
        steepness, offset = self._calibration
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, steepness * log_sum(confidences) + offset))))

    def _mark(
        self, document: str, judged: Mapping[str, str]
    ) -> tuple[dict[str, list[Span]], dict[str, float]]:
        """Return the marked values of each field, and for each field the probability that no value begins."""
        marked: dict[str, list[Span]] = defaultdict(list)
        found = tokens(document)
        if not self._bytes or not found:
            return marked, {}
        with self._lock:
            self._tagger.set(token_features([match[0] for match in found], judged))
            tags = self._tagger.tag()
            known = set(self._tagger.labels())
            for name, first, last in runs(tags):
                text = document[found[first].start() : found[last].end()]
                chance = min(self._tagger.marginal(tags[at], at) for at in range(first, last + 1))
                marked[name].append(Span(text, chance))
            unmarked = {
                field.name: 1 - max(self._tagger.marginal(f"B-{field.name}", at) for at in range(len(tags)))
                for field in self.fields
                if field.source == "tag" and f"B-{field.name}" in known and field.name not in marked
            }
        return marked, unmarked

    def save(self, folder: Path) -> None:
        (folder / TAGGER).write_bytes(self._bytes)
        for number, judge in enumerate(self._judges.values()):
            (folder / f"judge-{number}").mkdir(exist_ok=True)
            judge.save(folder / f"judge-{number}")
        document = {
            "fields": [field._asdict() for field in self.fields],
            "judges": list(self._judges),
            "calibration": self._calibration,
        }
        write_json(folder / FILE, document)

    @classmethod
    def load(cls, folder: Path) -> Self:
        document = json.loads((folder / FILE).read_text(encoding="utf-8"))
        fields = [TaggedField(**field | {"path": tuple(field["path"])}) for field in document["fields"]]
        judges = {
            name: LabelModel.load(folder / f"judge-{number}")
            for number, name in enumerate(document["judges"])
        }
        steepness, offset = document["calibration"]
        return cls(fields, (folder / TAGGER).read_bytes(), judges, (steepness, offset))


def log_sum(confidences: Mapping[str, float]) -> float:
    """Return the sum of the logarithms of the field confidences."""
    return sum(math.log(max(LEAST, confidence)) for confidence in confidences.values())


def runs(tags: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Yield the field, the first and the last token of each marked value; an ``I-`` alone begins one, too."""
    start = None
    for at, tag in enumerate([*tags, OUTSIDE]):
        goes_on = start is not None and tag == f"I-{tags[start][2:]}"
        if start is not None and not goes_on:
            yield tags[start][2:], start, at - 1
            start = None
        if start is None and tag != OUTSIDE:
            start = at


def _values(field: TaggedField, spans: Sequence[Span], unmarked: float) -> tuple[list[Any], float]:
    """Return the values of a field with their confidence; of several, only the likeliest where one may be."""
    readable = [(value, span.confidence) for span in spans if (value := _read(field, span.text)) is not None]
    if not readable:
        return [], unmarked if not spans else 0.0
    if field.listed == "never":
        value, confidence = max(readable, key=lambda one: one[1])
        return [value], confidence
    return [value for value, _ in readable], min(confidence for _, confidence in readable)


def _read(field: TaggedField, text: str) -> Any:
    if not field.numeric:
        return text
    try:
        number = float(text)
    except ValueError:
        return None
    return (
        int(number) if number.is_integer() and "." not in text else number if math.isfinite(number) else None
    )


def _put(answer: dict[str, Any], field: TaggedField, values: list[Any]) -> None:
    """Write the values of a field to its place; the objects on the way are made."""
    place = answer
    for key in field.path[:-1]:
        place = place.setdefault(key, {})
    if values:
        several = field.listed == "always" or len(values) > 1
        place[field.path[-1]] = values if several else values[0]
    elif field.absent:
        place[field.path[-1]] = json.loads(field.absent)
