"""Two small fitted models: words decide the label, or the value of each field."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

from insource.foundation.files import write_json
from insource.models.fitted.protocol import Answer

FILE = "words.json"


def shares(document, weights):
    """The probability of each label, from the weights of the words that the document has."""
    words = set(re.findall(r"\w+", document.lower()))
    odds = {
        label: math.exp(sum(v for w, v in known.items() if w in words)) for label, known in weights.items()
    }
    total = sum(odds.values())
    ranked = sorted(odds.items(), key=lambda one: (-one[1], one[0]))
    return {label: value / total for label, value in ranked}


class KeywordModel:
    """``weights`` maps each label to the weights of its words."""

    kind = "keyword"
    embeds = False

    def __init__(self, weights):
        self._weights = weights

    def answer(self, document, attributes=None):
        found = shares(document, self._weights)
        label, sure = next(iter(found.items()))
        return Answer(label, sure, label_probabilities=found)

    def save(self, folder: Path):
        write_json(folder / FILE, self._weights)

    @classmethod
    def load(cls, folder: Path):
        return cls(json.loads((folder / FILE).read_text(encoding="utf-8")))


class KeywordFields(KeywordModel):
    """``weights`` maps each field to the weights of its values, which are spelled as JSON."""

    kind = "keyword-fields"

    def answer(self, document, attributes=None):
        asked = [name for name in self._weights if attributes is None or name in attributes]
        best = {name: next(iter(shares(document, self._weights[name]).items())) for name in asked}
        text = ",".join(f"{json.dumps(name)}:{value}" for name, (value, _) in best.items())
        sure = {name: share for name, (_, share) in best.items()}
        return Answer(f"{{{text}}}", math.prod(sure.values()), field_confidences=sure)
