"""Fit a tagger of short texts: values that stand in the text are tagged, those that do not are labels."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from insource.arms.classical.label_fit import LabelRows, fit_labels
from insource.arms.folds import FOLDS, assign, units_of
from insource.models.fitted.crf import OUTSIDE, CrfModel, TaggedField, log_sum, token_features, tokens
from insource.models.fitted.labels import NGRAMS, LabelModel
from insource.models.fitted.protocol import Answer
from insource.types import Example

VERSION = 1
LIBRARIES = ("python-crfsuite", "scikit-learn", "scipy", "numpy")
ITERATIONS = 60
PENALTIES = {"c1": 0.05, "c2": 0.01}
# A field whose values stand in the text less often, and that has at most so many values, is a label.
IN_TEXT, MOST_LABELS = 0.5, 100

UNCALIBRATED = (1.0, 0.0)

Keys = tuple[str, ...]
Array = npt.NDArray[Any]


class CrfFit(NamedTuple):
    """A fitted tagger, and the answers to the training rows by taggers that had not seen them."""

    model: CrfModel
    examples: tuple[Example, ...]
    held_out: tuple[str, ...]


def fit_crf(
    examples: Sequence[Example], order: Callable[[Keys], Any], right: Callable[[Example, str], bool]
) -> CrfFit:
    """Fit a tagger. ``order`` sorts paths as the schema does; ``right`` judges the answer to a document.

    The held-out answers come from folds that never split a unit (``folds.units_of``); they calibrate the
    confidence of the whole answer.
    """
    examples = sorted(examples, key=lambda one: (one.digest, one.target, one.row_id))
    leaves = [dict(_leaves(json.loads(one.target))) for one in examples]
    cut = [[match[0].casefold() for match in tokens(one.input)] for one in examples]
    fields = [_field(path, leaves, cut) for path in sorted(_ends(leaves), key=order)]
    judged = {field.name: _judge(field, examples, leaves) for field in fields if field.source == "label"}
    judges = {name: judge.model for name, judge in judged.items()}
    verdicts = [{name: judge.of(at) for name, judge in judged.items()} for at in range(len(examples))]
    tags = [_tags(words, leaf, fields) for words, leaf in zip(cut, leaves, strict=True)]
    features = [
        token_features([match[0] for match in tokens(one.input)], {n: v.text for n, v in verdict.items()})
        for one, verdict in zip(examples, verdicts, strict=True)
    ]
    fold = assign(units_of(examples), ["\t".join(sorted(set(each))) for each in tags])
    held_out, evidence = [""] * len(examples), np.zeros(len(examples))
    for number in range(FOLDS):
        train = np.flatnonzero(fold != number)
        if not len(train):
            continue
        model = CrfModel(fields, _train(features, tags, train), judges, UNCALIBRATED)
        for at in np.flatnonzero(fold == number):
            answer = model.answer_judged(examples[at].input, verdicts[at], examples[at].attributes)
            held_out[at], evidence[at] = answer.text, log_sum(answer.field_confidences)
    answered = np.array([bool(text) for text in held_out])
    verdict = np.array(
        [bool(text) and right(one, text) for one, text in zip(examples, held_out, strict=True)]
    )
    tagger = _train(features, tags, range(len(examples)))
    model = CrfModel(fields, tagger, judges, _calibration(evidence[answered], verdict[answered]))
    return CrfFit(model, tuple(examples), tuple(held_out))


def values_of(value: Any) -> list[Any]:
    """Return the values of a leaf: none, one, or those of a list."""
    return [] if value is None else value if isinstance(value, list) else [value]


def _leaves(value: Any, path: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif path:
        yield path, value


def _ends(leaves: Sequence[Mapping[Keys, Any]]) -> set[Keys]:
    """Return every path that ends at a value; an object that is sometimes null does not end."""
    paths = {path for leaf in leaves for path in leaf}
    inner = {path[:size] for path in paths for size in range(1, len(path))}
    return paths - inner


def _field(path: Keys, leaves: Sequence[Mapping[Keys, Any]], cut: Sequence[Sequence[str]]) -> TaggedField:
    """Decide from the training rows where the values of a field come from and how they are written."""
    given = [leaf[path] for leaf in leaves if path in leaf and values_of(leaf[path])]
    empty = Counter(
        json.dumps(leaf[path]) if path in leaf else "" for leaf in leaves if not values_of(leaf.get(path))
    )
    values = [value for one in given for value in values_of(one)]
    lists = sum(isinstance(one, list) for one in given)
    listed: Literal["never", "several", "always"] = (
        "never" if not lists else "always" if lists == len(given) else "several"
    )
    absent = (
        min(empty, key=lambda text: (-empty[text], text)) if empty else "[]" if listed == "always" else "null"
    )
    numeric = bool(values) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    field = TaggedField(path, "nothing", numeric, listed, absent)
    if any(isinstance(value, dict | list) for value in values) or not values:
        return field
    stands = [
        find_words(words_of(value), words) is not None
        for leaf, words in zip(leaves, cut, strict=True)
        for value in values_of(leaf.get(path))
    ]
    distinct = {json.dumps(value) for value in values}
    if listed == "never" and np.mean(stands) < IN_TEXT and len(distinct) <= MOST_LABELS:
        if len(distinct) == 1 and not empty:
            return field._replace(absent=distinct.pop())
        return field._replace(source="label")
    return field._replace(source="tag") if any(stands) else field


def words_of(value: Any) -> list[str]:
    """Return the words of a value as they would stand in a text."""
    text = value if isinstance(value, str) else json.dumps(value)
    return [match[0].casefold() for match in tokens(text)]


def find_words(wanted: Sequence[str], words: Sequence[str], free: Sequence[str] = ()) -> int | None:
    """Return where ``wanted`` first stands in ``words``, if ``free`` are tags where all are O; else None."""
    size = len(wanted)
    for at in range(len(words) - size + 1 if size else 0):
        if list(words[at : at + size]) == list(wanted) and all(
            tag == OUTSIDE for tag in free[at : at + size]
        ):
            return at
    return None


def _tags(words: Sequence[str], leaf: Mapping[Keys, Any], fields: Sequence[TaggedField]) -> list[str]:
    """Return the tag of each token. Longer values are placed first, so that no part of one is another's."""
    tags = [OUTSIDE] * len(words)
    tagged = [
        (words_of(value), field.name)
        for field in fields
        if field.source == "tag"
        for value in values_of(leaf.get(field.path))
    ]
    for wanted, name in sorted(tagged, key=lambda one: -len(one[0])):
        at = find_words(wanted, words, tags)
        if at is not None:
            tags[at : at + len(wanted)] = [f"B-{name}", *[f"I-{name}"] * (len(wanted) - 1)]
    return tags


class _Judge(NamedTuple):
    """A label model for one field, and its verdicts on rows it had not seen, in the order of the examples."""

    model: LabelModel
    verdicts: dict[tuple[str, str, str], Answer]
    keys: list[tuple[str, str, str]]

    def of(self, at: int) -> Answer:
        return self.verdicts[self.keys[at]]


def _judge(field: TaggedField, examples: Sequence[Example], leaves: Sequence[Mapping[Keys, Any]]) -> _Judge:
    """Fit a label model to a field; the label of a value is its JSON, and empty where there is none."""
    labels = [json.dumps(values[0]) if (values := values_of(leaf.get(field.path))) else "" for leaf in leaves]
    rows = LabelRows([one.input for one in examples], labels, units_of(examples))
    fit = fit_labels(rows, (NGRAMS,))
    verdicts = {
        key: Answer(answer, likelihood)
        for key, answer, likelihood in zip(
            zip(*fit.rows, strict=True), fit.held_out, fit.likelihoods, strict=True
        )
    }
    return _Judge(fit.model, verdicts, list(zip(*rows, strict=True)))


def _train(features: Sequence[Any], tags: Sequence[Sequence[str]], chosen: Iterable[int]) -> bytes:
    """Return the trained model's bytes, empty when no value is tagged."""
    import pycrfsuite

    chosen = list(chosen)
    if all(tag == OUTSIDE for at in chosen for tag in tags[at]):
        return b""
    trainer = pycrfsuite.Trainer(verbose=False, params={"max_iterations": ITERATIONS, **PENALTIES})
    for at in chosen:
        if tags[at]:
            trainer.append(features[at], tags[at])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model")
        trainer.train(str(path))
        return path.read_bytes()


def _calibration(evidence: Array, right: Array) -> tuple[float, float]:
    """Return the logistic calibration of the whole answer.

    As if a document of full confidence were right and one of less confidence than any other were wrong: where
    all or none are right, confidence still rises with the evidence.
    """
    from sklearn.linear_model import LogisticRegression

    lowest = evidence.min(initial=0.0) - 1
    x = np.append(evidence, [0.0, lowest])[:, None]
    fitted = LogisticRegression(C=100).fit(x, np.append(right, [True, False]))
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
