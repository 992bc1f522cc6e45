"""Made tasks with a fair cloud, and the same with something unfair planted in it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np

from insource.evaluation.handicaps.case import Case
from insource.evaluation.scorers import build_scorer
from insource.foundation.rng import generator
from insource.types import (
    Arm,
    CloudCall,
    Completion,
    EvalRecord,
    Example,
    JsonSchema,
    Labels,
    Provenance,
    Task,
)

CLOUD = Arm(name="gpt", model="acme/gpt", kind="cloud")
_SYLLABLES = ("ba", "ko", "ri", "mu", "te", "lan", "dor", "sel", "vim", "pra", "cho", "nu", "gar", "fel")


class Made(NamedTuple):
    """A task, its examples by row id, and what the cloud answered to each."""

    task: Task
    examples: dict[str, Example]
    answers: dict[str, str]

    def case(self, **more: Any) -> Case:
        """The cloud's answers after the real scorer."""
        score = build_scorer(self.task)
        return Case(
            task=self.task,
            arm=CLOUD,
            examples=self.examples,
            records=scored(self.task, self.examples, self.answers),
            score=score,
            **more,
        )


def scored(task: Task, examples: dict[str, Example], answers: dict[str, str]) -> tuple[EvalRecord, ...]:
    score = build_scorer(task)
    return tuple(
        EvalRecord(
            row_id=row_id,
            status="scored",
            completion=Completion(text=answers[row_id]),
            score=score(example, Completion(text=answers[row_id])),
        )
        for row_id, example in examples.items()
        if row_id in answers
    )


def word(rng: np.random.Generator, syllables: int = 0) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(syllables or int(rng.integers(2, 4))))


def words(rng: np.random.Generator, count: int) -> list[str]:
    """So many different words."""
    found: dict[str, None] = {}
    while len(found) < count:
        found[word(rng)] = None
    return list(found)


def made(seed: int, accuracy: float | None = None, noise: float | None = None) -> Made:
    """A labels task for an even seed, a task with fields for an odd one."""
    rng = generator(seed, "unfair-clouds")
    accuracy = float(rng.uniform(0.55, 0.97)) if accuracy is None else accuracy
    noise = float(rng.uniform(0.0, 0.05)) if noise is None else noise
    return _labels(rng, accuracy, noise) if seed % 2 == 0 else _fields(rng, accuracy, noise)


def example(number: int, text: str, target: str) -> Example:
    return Example(
        row_id=f"r{number}",
        digest=f"{number:064x}",
        input=text,
        target=target,
        provenance=Provenance(source="made"),
    )


def _labels(rng: np.random.Generator, accuracy: float, noise: float) -> Made:
    count, size = int(rng.integers(3, 31)), int(rng.integers(80, 401))
    parts = words(rng, 2 * count)
    joint = str(rng.choice(["_", " ", "-"]))
    names = tuple(joint.join(parts[2 * i : 2 * i + 2]) for i in range(count))
    task = Task(name="t", instruction="Name it.", output=Labels(names=names), primary_metric="accuracy")
    weights = rng.dirichlet(np.full(count, 3.0))
    # Models find some labels more easily than others, and mistake each for a few neighbours.
    recall = np.clip(rng.beta(accuracy * 12, (1 - accuracy) * 12, count), 0.05, 0.999)
    examples, answers = {}, {}
    for number in range(size):
        truth = int(rng.choice(count, p=weights))
        gold = int(rng.integers(count)) if rng.random() < noise else truth
        text = f"case {number}: " + " ".join(word(rng) for _ in range(int(rng.integers(6, 20))))
        examples[f"r{number}"] = example(number, text, names[gold])
        said = (
            truth if rng.random() < recall[truth] else (truth + int(rng.integers(1, min(4, count)))) % count
        )
        answers[f"r{number}"] = names[said] if rng.random() > 0.005 else word(rng, 4)
    return Made(task, examples, answers)


def _fields(rng: np.random.Generator, accuracy: float, noise: float) -> Made:
    size, fields = int(rng.integers(60, 301)), words(rng, int(rng.integers(4, 9)))
    members = words(rng, int(rng.integers(3, 9)))
    properties: dict[str, Any] = {name: {"type": ["string", "null"]} for name in fields[1:]}
    properties = {fields[0]: {"enum": [*members, None]}, **properties}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    task = Task(name="t", instruction="Extract.", output=JsonSchema(definition=schema))
    examples, answers = {}, {}
    for number in range(size):
        truth = {fields[0]: str(rng.choice(members))}
        truth |= {name: _value(rng) if rng.random() > 0.15 else None for name in fields[1:]}
        lines = [f"{name}: {value}" for name, value in truth.items() if value]
        lines += [f"remark: {_value(rng)} {word(rng)}" for _ in range(2)]
        gold = {
            name: _value(rng) if name != fields[0] and rng.random() < noise / 2 else value
            for name, value in truth.items()
        }
        said = {
            name: value if rng.random() < accuracy else _mistake(rng, name, truth, members)
            for name, value in truth.items()
        }
        examples[f"r{number}"] = example(number, "\n".join(lines), json.dumps(gold, separators=(",", ":")))
        answers[f"r{number}"] = json.dumps(said)
    return Made(task, examples, answers)


def _value(rng: np.random.Generator) -> str:
    kind = int(rng.integers(3))
    if kind == 0:
        return f"{int(rng.integers(100, 9999))} {rng.choice(['V', 'kg', 'mm'])}"
    if kind == 1:
        return f"{word(rng)} {word(rng)}"
    return f"{word(rng, 1).upper()}-{int(rng.integers(1000, 99999))}"


def _mistake(
    rng: np.random.Generator, name: str, truth: dict[str, str | None], members: list[str]
) -> str | None:
    if name == next(iter(truth)):
        return str(rng.choice(members))
    others = [value for key, value in truth.items() if value and key != name]
    return None if truth[name] and rng.random() < 0.4 else str(rng.choice(others))


# What is planted.


def missing_labels(made: Made, rng: np.random.Generator) -> tuple[Made, dict[str, Any]]:
    """Some labels are in no answer; half of the time the prompt that leaves them out is recorded."""
    path = _closed(made)
    golds = {row_id: _member(one.target, path) for row_id, one in made.examples.items()}
    names = sorted({gold for gold in golds.values() if gold})
    target = rng.uniform(0.08, 0.4) * len(golds)
    gone: set[str] = set()
    for name in rng.permutation(names)[: len(names) - 2]:
        if sum(gold in gone for gold in golds.values()) >= target:
            break
        gone.add(str(name))
    kept = [name for name in names if name not in gone]
    answers = {
        row_id: _said(text, path, lambda value: str(rng.choice(kept)) if value in gone else value)
        for row_id, text in made.answers.items()
    }
    more = {"prompt": "One of: " + ", ".join(kept)} if rng.random() < 0.5 else {}
    return made._replace(answers=answers), more


def respelled(made: Made, rng: np.random.Generator) -> tuple[Made, dict[str, Any]]:
    """Right values in another spelling: always the same one in a cloud, on a part of its answers."""
    change = [
        lambda text: text.upper().replace("_", " ").replace("-", " "),
        lambda text: f"The label is {text}." if _closed(made) == "" else f"{text}s",
        lambda text: " ".join(reversed(text.replace("_", " ").replace("-", " ").split())),
        lambda text: text.replace("_", "").replace(" ", "").replace("-", ""),
        lambda text: f"x{text[::-1]}",  # an own name for each
    ][int(rng.integers(5 if _closed(made) == "" else 1))]
    rate = rng.uniform(0.3, 1.0)
    path = _closed(made)
    if path == "":
        answers = {r: change(text) if rng.random() < rate else text for r, text in made.answers.items()}
        return made._replace(answers=answers), {}
    answers = {}
    for row_id, text in made.answers.items():
        said = json.loads(text)
        if rng.random() < rate:
            said = {k: _otherwise(v) if k != path else v for k, v in said.items()}
        answers[row_id] = json.dumps(said)
    return made._replace(answers=answers), {}


def _otherwise(value: Any) -> Any:
    """A value whose words stand in another order, or with other marks between them."""
    if not isinstance(value, str) or any(character.isdigit() for character in value):
        return value
    return "-".join(reversed(value.split()))


def copied(made: Made, rng: np.random.Generator) -> tuple[Made, dict[str, Any]]:
    """The labels are the cloud's answers: named as such, or seen by the mistakes that both have."""
    if rng.random() < 0.5:
        rate = rng.uniform(0.1, 1.0)
        own = Provenance(source="made", label="teacher", provider="acme", model="gpt")
        examples = {
            row_id: one.model_copy(update={"provenance": own}) if rng.random() < rate else one
            for row_id, one in made.examples.items()
        }
        return made._replace(examples=examples), {}
    answers = {row_id: one.target for row_id, one in made.examples.items()}
    return made._replace(answers=answers), {}


def shown_items(made: Made, rng: np.random.Generator) -> tuple[Made, dict[str, Any]]:
    """A prompt with examples from the test split, spaced in another way."""
    count = int(rng.integers(1, 21))
    chosen = [made.examples[row_id] for row_id in rng.choice(sorted(made.examples), count, replace=False)]
    blocks = [f"Input: {'  '.join(one.input.split(' '))}\nOutput: {one.target}" for one in chosen]
    return made, {"prompt": made.task.instruction + "\n\n" + "\n\n".join(blocks)}


def other_keys(made: Made, rng: np.random.Generator) -> tuple[Made, dict[str, Any]]:
    """Some keys have other names in a part of the answers, or all are in one more object."""
    rate, wrap = rng.uniform(0.3, 1.0), rng.random() < 0.3
    keys = list(json.loads(next(iter(made.answers.values()))))
    names = {key: word(rng, 4) for key in keys[1 : 1 + int(rng.integers(1, 3))]}
    answers = {}
    for row_id, text in made.answers.items():
        said = json.loads(text)
        if rng.random() < rate:
            said = {"result": said} if wrap else {names.get(k, k): v for k, v in said.items()}
        answers[row_id] = json.dumps(said)
    return made._replace(answers=answers), {}


def old_prompt(made: Made, rng: np.random.Generator) -> tuple[Made, dict[str, Any]]:
    rate = rng.uniform(0.1, 0.9)
    old = {row_id: rng.random() < rate for row_id in made.examples}
    examples = {
        row_id: _called(
            one, prompt_version="v1" if old[row_id] else "v2", time=f"2026-0{1 if old[row_id] else 3}-01"
        )
        for row_id, one in made.examples.items()
    }
    return made._replace(examples=examples), {"contract_since": "2026-02-01"} if rng.random() < 0.5 else {}


def no_answer(made: Made, rng: np.random.Generator) -> tuple[Made, dict[str, Any]]:
    rate = rng.uniform(0.06, 0.5)
    refusals = ("I'm sorry, but I cannot help with this request.", "", "I cannot provide that information.")
    answers = {
        row_id: str(rng.choice(refusals)) if rng.random() < rate else text
        for row_id, text in made.answers.items()
    }
    return made._replace(answers=answers), {}


def teacher_labels(made: Made, rng: np.random.Generator) -> tuple[Made, dict[str, Any]]:
    rate = rng.uniform(0.1, 1.0)
    other = Provenance(source="made", label="teacher", provider="other", model="claude")
    examples = {
        row_id: one.model_copy(update={"provenance": other}) if rng.random() < rate else one
        for row_id, one in made.examples.items()
    }
    return made._replace(examples=examples), {}


def sampled(made: Made, rng: np.random.Generator) -> tuple[Made, dict[str, Any]]:
    examples = {
        row_id: _called(one, temperature=0.7, repeats=(made.answers[row_id],))
        for row_id, one in made.examples.items()
    }
    return made._replace(examples=examples), {}


PLANTED = {
    "missing-labels": missing_labels,
    "spelling": respelled,
    "copied-labels": copied,
    "test-items-in-prompt": shown_items,
    "other-keys": other_keys,
    "old-prompt": old_prompt,
    "no-answer": no_answer,
    "teacher-labels": teacher_labels,
    "sampled-answers": sampled,
}


def _called(one: Example, **said: Any) -> Example:
    return one.model_copy(update={"cloud_calls": {CLOUD.model: CloudCall(**said)}})


def _closed(made: Made) -> str:
    """The field with the closed list; empty where the whole answer is the label."""
    if isinstance(made.task.output, Labels):
        return ""
    return next(iter(json.loads(next(iter(made.examples.values())).target)))


def _member(target: str, path: str) -> str | None:
    return json.loads(target)[path] if path else target


def _said(text: str, path: str, change: Any) -> str:
    if not path:
        return str(change(text))
    said = json.loads(text)
    return json.dumps({**said, path: change(said[path])})
