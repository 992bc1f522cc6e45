"""Clean rows of our own making, and the same rows with one defect planted at a known rate."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from insource.dataset.checks.check import Check, Context, TokenCount
from insource.dataset.checks.suite import CHECKS
from insource.dataset.rows.staged import Staged, staged
from insource.demo.documents import generate
from insource.demo.schema import SCHEMA
from insource.foundation.rng import generator
from insource.types import Dropped, Finding, JsonSchema, Labels, OutputSpec, Provenance, Row

# Years of warranty are worked out: every fifth document says months.
WARRANTY = {**SCHEMA["properties"]["warranty_years"], "x-insource": {"derived": True}}
CONTRACT = JsonSchema(
    definition={**SCHEMA, "properties": {**SCHEMA["properties"], "warranty_years": WARRANTY}}
)
PROMPT = "Read the specification and answer with its fields as JSON."
MAX_TOKENS = 1000
RATE = 0.05
CHANGE = "2025-09"
"""The month since which planted drift writes a field otherwise."""

DRIFTED = 0.4
"""The share of values since then that is."""

Change = Callable[[np.random.Generator, Row], Row]


class Rows:
    """A source of rows that are in memory."""

    name = "planted"
    notes: tuple[str, ...] = ()

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Row | Dropped]:
        yield from self._rows


@dataclass(frozen=True)
class Planted:
    """Rows, and the ids of those that a check has to point at."""

    rows: list[Row]
    ids: frozenset[str]


def clean(count: int, seed: int = 0) -> list[Row]:
    """The demo's specifications with a prompt, a model and twelve months of dates."""
    return [
        Row(
            line=line,
            row_id=record["id"],
            input=record["input"],
            output=record["output"],
            time=f"2025-{1 + (line * 7) % 12:02}-15T08:00:00+00:00",
            prompt=PROMPT,
            provenance=Provenance(
                source="planted", line=line, label="teacher", model="teacher-1", prompt_version="v1"
            ),
        )
        for line, record in enumerate(generate({"train": count}, seed), 1)
    ]


def context(rows: Staged, output: OutputSpec = CONTRACT) -> Context:
    """With a stand-in for the tokenizer: four characters a token."""

    def count(row: Row, target: str) -> TokenCount:
        return TokenCount(prompt=len(row.input) // 4 + 30, answer=len(target) // 4)

    return Context(rows=rows, output=output, count_tokens=count, max_tokens=MAX_TOKENS)


def look(kind: type[Check], rows: Sequence[Row], output: OutputSpec = CONTRACT) -> tuple[Finding, set[str]]:
    """What one check finds, and the rows it points at: those its fix changes, else those it names."""
    with TemporaryDirectory() as folder, staged(Rows(rows), Path(folder)) as work:
        check = kind(context(work, output))
        check.hits.shown = len(rows)
        for index, row in enumerate(work):
            check.observe(index, check.context.view(row))
        finding = check.finding()
        if finding.fix is None:
            return finding, {instance.row_id for instance in check.hits.instances}
        parameters = finding.fix.parameters
        return finding, {
            row.row_id
            for i, row in enumerate(work)
            if check.fixed(i, check.context.view(row), parameters) != row
        }


def plant(
    check: str, count: int, seed: int = 0, rate: float = RATE, make: Callable[[int, int], list[Row]] = clean
) -> Planted:
    """Clean rows of the task that ``make`` makes, with the defect of this check at ``rate``."""
    rng = generator(seed, f"planted.{check}")
    rows = make(count, seed)
    if check in ("exact-duplicates", "contradictory-labels"):
        return _copied(check, rng, rows, rate)
    if check == "format-drift":
        return _drifted(rng, rows)
    change, ids = DEFECTS[check], set()
    for place in rng.choice(len(rows), size=max(1, round(rate * len(rows))), replace=False):
        changed = change(rng, rows[place])
        if changed != rows[place]:
            rows[place] = changed
            ids.add(changed.row_id)
    return Planted(rows, frozenset(ids))


def _copied(check: str, rng: np.random.Generator, rows: list[Row], rate: float) -> Planted:
    ids, copies = set(), []
    for number, place in enumerate(rng.choice(len(rows), size=round(rate * len(rows)), replace=False)):
        row = rows[place]
        update: dict[str, Any] = {
            "row_id": f"copy-{number}",
            "input": f"{row.input.upper()} \n",
            "line": None,
        }
        if check == "contradictory-labels":
            update["output"] = {**_object(row), "warranty_years": 47}
            ids.add(row.row_id)  # one against one: neither has a majority
        copies.append(row.model_copy(update=update))
        ids.add(f"copy-{number}")
    return Planted(rows + copies, frozenset(ids))


def _drifted(rng: np.random.Generator, rows: list[Row]) -> Planted:
    ids = set()
    for place, row in enumerate(rows):
        voltage = _object(row)["power_requirements"]["voltage"]
        if voltage and row.time and row.time[:7] >= CHANGE and rng.random() < DRIFTED:
            rows[place] = _with(row, "power_requirements.voltage", voltage.replace(" ", ""))
            ids.add(row.row_id)
    return Planted(rows, frozenset(ids))


def _object(row: Row) -> dict[str, Any]:
    assert isinstance(row.output, dict)
    return row.output


def _with(row: Row, path: str, value: Any) -> Row:
    output = json.loads(json.dumps(row.output))
    *parents, last = path.split(".")
    inner = output
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return row.model_copy(update={"output": output})


def _input(row: Row, text: str) -> Row:
    return row.model_copy(update={"input": text})


def _pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def _digits(rng: np.random.Generator, count: int) -> str:
    return "".join(map(str, rng.integers(1, 10, count)))


def _short(rng: np.random.Generator, row: Row) -> Row:
    return _input(row, _pick(rng, ("n/a", "-", "…", "null", "TBD", "?", "[redacted]")))


def _truncated(rng: np.random.Generator, row: Row) -> Row:
    if rng.random() < 0.5:
        origin = row.provenance.model_copy(
            update={"finish_reason": _pick(rng, ("length", "max_tokens", "MAX_TOKENS"))}
        )
        return row.model_copy(update={"provenance": origin})
    text = json.dumps(row.output)
    return row.model_copy(update={"output": text[: int(rng.integers(2, len(text) - 1))]})


REFUSED = (
    "I'm sorry, but I can't assist with that request.",
    "I cannot extract the fields from this document.",
    "As an AI language model, I do not have access to the attachment.",
    "Unfortunately, I am unable to process this document.",
    "I apologize, but I could not find the required information.",
    "Es tut mir leid, aber ich kann diese Anfrage nicht beantworten.",
    "Leider kann ich das Dokument nicht verarbeiten.",
    "Als KI-Sprachmodell habe ich keinen Zugriff auf diese Datei.",
    "Je suis désolé, mais je ne peux pas répondre à cette demande.",
    "En tant qu'IA, je n'ai pas accès à ce fichier.",
    "Lo siento, pero no puedo ayudar con esa solicitud.",
    "Como modelo de lenguaje, no tengo acceso a ese archivo.",
)
REPLIES = (
    "We are sorry for the delay and have sent a new unit.",
    "I'm sorry to hear that the motor failed; a technician will call you on Monday.",
    "The relay cannot be opened while the supply is on.",
    "Unfortunately the shipment left two days late.",
    "I can help you with the warranty: it ends in May.",
    "Leider ist die Lieferung verspätet, sie kommt am Montag.",
    "Je suis désolé pour le retard, le colis arrive demain.",
    "No, the inputs are not isolated.",
)
"""Ordinary answers that apologise or say no, and refuse nothing."""


def _refused(rng: np.random.Generator, row: Row) -> Row:
    return row.model_copy(update={"output": _pick(rng, REFUSED)})


def _leaked(rng: np.random.Generator, row: Row) -> Row:
    answer = json.dumps(row.output, indent=2 if rng.random() < 0.5 else None)
    return _input(
        row, row.input + _pick(rng, ("\n", "\nAnswer: ", "\n\nExpected output:\n", "\nOutput = ")) + answer
    )


def _other_prompt(rng: np.random.Generator, row: Row) -> Row:
    if rng.random() < 0.5:
        return row.model_copy(update={"prompt": f"{PROMPT} Use null for what is missing."})
    return row.model_copy(update={"provenance": row.provenance.model_copy(update={"model": "teacher-2"})})


def _other_language(rng: np.random.Generator, row: Row) -> Row:
    volts, years = _digits(rng, 3), _digits(rng, 1)
    return _input(
        row,
        _pick(
            rng,
            (
                f"Der Antrieb wird mit einer Spannung von {volts} V betrieben. "
                f"Auf das Gerät geben wir {years} Jahre Garantie.",
                f"L'appareil est alimenté en {volts} V et la garantie "
                f"est de {years} ans à partir de la date d'achat.",
                f"El equipo funciona con una tensión de {volts} V y tiene una "
                f"garantía de {years} años desde la compra.",
            ),
        ),
    )


def _secret(rng: np.random.Generator, row: Row) -> Row:
    letters = "".join(rng.choice(list("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"), 40))
    text = _pick(
        rng, (f"sk-{letters}", f"api_key: {letters}", f"Authorization: Bearer {letters}", f"ghp_{letters}")
    )
    return _input(row, f"{row.input}\n{text}")


def _personal(rng: np.random.Generator, row: Row) -> Row:
    number = _digits(rng, 7)
    text = _pick(
        rng,
        (f"contact: j.doe{number}@example.org", f"phone +49 170 {number}", f"call (212) 555-{number[:4]}"),
    )
    return _input(row, f"{row.input}\n{text}")


def _respelled(rng: np.random.Generator, row: Row) -> Row:
    """A spelling that the row's own document does not have: what it has is a quotation, and right."""
    phase = _object(row)["power_requirements"]["phase"]
    if phase is None:
        return row
    number, word = {"1": ("1", "single"), "3": ("3", "three")}[phase[0]]
    spellings = (f"{word}-phase", f"{word} phase", f"{number} Phase", f"{number}ph")
    said = row.input.casefold()
    others = tuple(spelling for spelling in spellings if spelling.casefold() not in said)
    return _with(row, "power_requirements.phase", _pick(rng, others)) if others else row


def _violating(rng: np.random.Generator, row: Row) -> Row:
    if rng.random() < 0.5:
        return _with(row, "warranty_years", "two")
    return row.model_copy(update={"output": {**_object(row), "colour": "grey"}})


def _invented(rng: np.random.Generator, row: Row) -> Row:
    """A value of the field's kind that no document has."""
    if rng.random() < 0.5:
        return _with(row, "model_number", f"QX-{_digits(rng, 5)}-Z")
    return _with(row, "power_requirements.amperage", f"{_digits(rng, 4)}.{_digits(rng, 1)} A")


def _long(rng: np.random.Generator, row: Row) -> Row:
    return _input(row, f"{row.input}\n" + "The housing is made of grey steel. " * int(rng.integers(120, 200)))


DEFECTS: dict[str, Change] = {
    "short-inputs": _short,
    "truncation": _truncated,
    "refusals": _refused,
    "answer-in-prompt": _leaked,
    "mixed-prompts": _other_prompt,
    "language-mix": _other_language,
    "secrets": _secret,
    "personal-data": _personal,
    "term-spellings": _respelled,
    "schema-violations": _violating,
    "ungrounded-values": _invented,
    "over-length": _long,
}
OF_ANY_TASK = (
    "short-inputs",
    "refusals",
    "mixed-prompts",
    "language-mix",
    "secrets",
    "personal-data",
    "over-length",
    "exact-duplicates",
)
"""Defects that do not depend on answers being JSON."""

PLANTABLE = (*DEFECTS, "exact-duplicates", "contradictory-labels", "format-drift")
STATISTICAL = ("ungrounded-values", "format-drift")
KINDS = {check.name: check for check in CHECKS}


def labelled(counts: dict[str, int]) -> tuple[list[Row], Labels]:
    """Rows of a classification, as many of each class as asked."""
    rows = [
        Row(
            line=None,
            row_id=f"{name}-{i}",
            input=f"{name} document {i}",
            output=name,
            provenance=Provenance(source="planted"),
        )
        for name, count in counts.items()
        for i in range(count)
    ]
    return rows, Labels(names=tuple(counts))
