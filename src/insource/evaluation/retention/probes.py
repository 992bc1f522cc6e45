"""Questions that test skills beside the task, made by a seed, each with its own check of the answer.

The answer is searched for the result, so that a model which wraps everything in JSON has not lost its
arithmetic. Only *instructions* is about the form.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from insource.foundation.rng import generator

Check = Callable[[str], bool]
Rng = np.random.Generator

WORDS = (
    "river", "copper", "window", "garden", "engine", "paper", "winter", "valley", "button", "silver",
    "market", "bridge", "candle", "forest", "hammer", "island", "kettle", "ladder", "mirror", "orange",
)  # fmt: skip


class Question(NamedTuple):
    """A prompt, and whether an answer to it is right."""

    prompt: str
    right: Check


class Probe(NamedTuple):
    """Questions about one skill. ``chance`` is the share that guessing gets right."""

    name: str
    chance: float
    questions: tuple[Question, ...]


def probes(seed: int, each: int) -> tuple[Probe, ...]:
    """Return every probe with ``each`` questions; equal seeds give equal questions."""
    return tuple(
        Probe(name, chance, tuple(make(rng) for _ in range(each)))
        for name, (make, chance) in MAKERS.items()
        for rng in (generator(seed, f"retention.{name}"),)
    )


def _arithmetic(rng: Rng) -> Question:
    one, other = (int(n) for n in rng.integers(2, 100, 2))
    sign, result = ("+", one + other) if rng.random() < 0.5 else ("-", one - other)
    return Question(
        f"What is {one} {sign} {other}? Answer with the number.", lambda text: _numbers(text)[-1:] == [result]
    )


def _sorting(rng: Rng) -> Question:
    given = [int(n) for n in rng.choice(np.arange(10, 100), 4, replace=False)]
    wanted = sorted(given)
    if given == wanted:
        given.reverse()
    shown = ", ".join(map(str, given))
    return Question(
        f"Sort these numbers from the smallest to the largest: {shown}. Answer with the sorted numbers.",
        lambda text: _numbers(text)[-4:] == wanted,
    )


def _copying(rng: Rng) -> Question:
    code = "-".join(
        [*(str(word) for word in rng.choice(WORDS, 3, replace=False)), f"{rng.integers(1000):03d}"]
    )
    return Question(f"Repeat this text exactly: {code}", lambda text: code in text)


def _counting(rng: Rng) -> Question:
    count = int(rng.integers(3, 10))
    shown = ", ".join(str(word) for word in rng.choice(WORDS, count, replace=False))
    return Question(
        f"How many words has this list? {shown}. Answer with the number.",
        lambda text: _numbers(text)[-1:] == [count],
    )


def _dates(rng: Rng) -> Question:
    day = datetime.date(2020, 1, 1) + datetime.timedelta(int(rng.integers(3000)))
    after = (day + datetime.timedelta(1)).isoformat()
    return Question(
        f"Which date is the day after {day.isoformat()}? Answer in the form YYYY-MM-DD.",
        lambda text: re.findall(r"\d{4}-\d\d-\d\d", text)[-1:] == [after],
    )


def _json_repair(rng: Rng) -> Question:
    names = [str(word) for word in rng.choice(WORDS, 3, replace=False)]
    wanted = {name: int(n) for name, n in zip(names, rng.integers(10, 100, 3), strict=True)}
    whole = json.dumps(wanted)
    broken = (whole[:-1], whole[:-1] + ",}", whole.replace(",", "", 1), whole.replace('"', "'"))
    shown = broken[int(rng.integers(len(broken)))]
    return Question(
        f"Repair this JSON so that it is valid. Answer with the JSON alone: {shown}",
        lambda text: _json_object(text) == wanted,
    )


def _instruction(rng: Rng) -> Question:
    one, other = (str(word) for word in rng.choice(WORDS, 2, replace=False))
    lines = int(rng.integers(2, 5))
    choices = (
        Question(f"Write one short sentence about a {one}, in capital letters only.", _in_capitals),
        Question(
            f"Write one short sentence about a {one}. Begin with the word {other.upper()}.",
            lambda text: text.strip().startswith(other.upper()),
        ),
        Question(
            f"Ask one question about a {one}. End with a question mark.",
            lambda text: text.strip().endswith("?"),
        ),
        Question(
            f"Name {lines} things that are in a {one}, one a line, each line beginning with a hyphen.",
            lambda text: _hyphened(text) == lines,
        ),
        Question(
            f"Write one short sentence that holds both words: {one} and {other}.",
            lambda text: {one, other} <= set(re.findall(r"[a-z]+", text.lower())),
        ),
    )
    return choices[int(rng.integers(len(choices)))]


def _numbers(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"(?<![\w.-])-?\d+(?![\w]|\.\d)", text)]


def _json_object(text: str) -> object:
    try:
        return json.loads(text[text.find("{") : text.rfind("}") + 1])
    except ValueError:
        return None


def _in_capitals(text: str) -> bool:
    return text.upper() == text and sum(letter.isalpha() for letter in text) >= 5


def _hyphened(text: str) -> int:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return len(lines) if all(line.startswith("-") for line in lines) else 0


MAKERS: dict[str, tuple[Callable[[Rng], Question], float]] = {
    "arithmetic": (_arithmetic, 0.0),
    "sorting": (_sorting, 1 / 23),
    "copying": (_copying, 0.0),
    "counting": (_counting, 1 / 7),
    "dates": (_dates, 0.0),
    "JSON repair": (_json_repair, 0.0),
    "instructions": (_instruction, 0.0),
}
