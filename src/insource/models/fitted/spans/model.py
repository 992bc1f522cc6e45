"""The fitted model of span ranking: from a document to JSON with confidences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any, ClassVar, Self

from insource.contract.asked import restricted
from insource.contract.canonical_form import canonical_target
from insource.contract.places import place_of
from insource.foundation.files import write_json
from insource.models.fitted.protocol import Answer
from insource.models.fitted.spans.assembly import Assembler, Part
from insource.models.fitted.spans.claims import document_confidence
from insource.models.fitted.spans.document import Document, Scope
from insource.models.fitted.spans.field_model import FieldModel, decide
from insource.models.fitted.spans.fields import Path, fields_of
from insource.models.fitted.spans.logistic import Logistic
from insource.models.fitted.spans.rows import RowFinder
from insource.models.fitted.spans.stored import Arrays, field_from, field_to, finder_from, finder_to

FILE = "spans"


@dataclass(frozen=True)
class SpanModel:
    """Answers with values that stand in the document.

    ``schema`` is the task's, ``contracts`` are the schemas that training documents brought themselves.
    ``finders`` find the rows of each list of objects. ``none_right`` is the chance that there are none where
    none is found. ``forms`` are those of ``Assembler``. ``confidence`` calibrates that of a document.
    """

    kind: ClassVar[str] = "spans"
    embeds: ClassVar[bool] = False
    schema: dict[str, Any]
    contracts: tuple[dict[str, Any], ...]
    fields: tuple[FieldModel, ...]
    finders: Mapping[Path, RowFinder] = field(default_factory=dict)
    none_right: Mapping[Path, float] = field(default_factory=dict)
    forms: Mapping[Path, str] = field(default_factory=dict)
    confidence: Logistic | None = None

    def answer(self, document: str, attributes: Sequence[str] | None = None) -> Answer:
        """Answer one document. Of a document longer than ``MAX_CHARACTERS``, head and tail are read."""
        return self.answer_to(Document(document), attributes)

    def answer_to(self, document: Document, attributes: Sequence[str] | None = None) -> Answer:
        """Answer a document that was taken apart before."""
        schema = self.schema_for(attributes)
        place = place_of(schema)
        known = {one.path for one in fields_of(place)}
        models = [one for one in self.fields if one.field.path in known]
        part, confidences = self._decided(document, models)
        value = self._assembler.answer(place, part)
        return Answer(
            text=canonical_target(value, schema),
            confidence=document_confidence(self.confidence, confidences),
            field_confidences=confidences,
        )

    def schema_for(self, attributes: Sequence[str] | None) -> dict[str, Any]:
        """Return the schema of an answer: of those that have all the fields asked for, the smallest."""
        if attributes is None:
            return self.schema
        asked = frozenset(attributes)
        known = [schema for schema in (self.schema, *self.contracts) if asked <= _names(schema)]
        whole = min(known, key=lambda schema: len(_names(schema)), default=self.schema)
        return restricted(whole, tuple(attributes))

    @cached_property
    def _assembler(self) -> Assembler:
        return Assembler({one.field.path: (one.field, one.taught) for one in self.fields}, self.forms)

    def _decided(self, document: Document, models: Sequence[FieldModel]) -> tuple[Part, dict[str, float]]:
        whole = decide(Scope.whole(document), [one for one in models if not one.field.rows])
        confidences = {
            one.field.name: whole[one.field.path].confidence for one in models if not one.field.rows
        }
        rows: dict[Path, list[Part]] = {}
        for path, finder in self.finders.items():
            inner = [one for one in models if one.field.rows == path]
            if not inner:
                continue
            parts = [Part(decide(scope, inner)) for scope in finder.rows(document)]
            rows[path] = parts
            for one in inner:
                chance = 1.0 if parts else self.none_right.get(path, 0.5)
                for part in parts:
                    chance *= part.decisions[one.field.path].confidence
                confidences[one.field.name] = chance
        return Part(whole, rows), confidences

    def save(self, folder: FilePath) -> None:
        """Write ``spans.json`` and ``spans.npz``."""
        arrays = Arrays()
        value = {
            "schema": self.schema,
            "contracts": list(self.contracts),
            "fields": [field_to(one, f"field{n}", arrays) for n, one in enumerate(self.fields)],
            "finders": [finder_to(path, one, arrays) for path, one in self.finders.items()],
            "none_right": [[list(path), chance] for path, chance in self.none_right.items()],
            "forms": [[list(path), form] for path, form in self.forms.items()],
            "confidence": self.confidence and self.confidence.to_json(),
        }
        arrays.write(folder / f"{FILE}.npz")
        write_json(folder / f"{FILE}.json", value)

    @classmethod
    def load(cls, folder: FilePath) -> Self:
        """Read the files that ``save`` wrote."""
        arrays = Arrays.read(folder / f"{FILE}.npz")
        value = json.loads((folder / f"{FILE}.json").read_text(encoding="utf-8"))
        return cls(
            schema=value["schema"],
            contracts=tuple(value["contracts"]),
            fields=tuple(field_from(one, f"field{n}", arrays) for n, one in enumerate(value["fields"])),
            finders=dict(finder_from(one, arrays) for one in value["finders"]),
            none_right={tuple(path): chance for path, chance in value["none_right"]},
            forms={tuple(path): form for path, form in value["forms"]},
            confidence=value["confidence"] and Logistic.from_json(value["confidence"]),
        )


def _names(schema: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(place_of(schema).properties)
