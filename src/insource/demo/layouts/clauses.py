"""Write the facts of a sheet as sentences, in the wording of a given writer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from insource.demo.chance import happens, pick
from insource.demo.sheet import IO, POWER, Sheet

Wording = Mapping[str, tuple[str, ...]]


def clauses(sheet: Sheet, rng: np.random.Generator, wording: Wording) -> list[str]:
    """Return a sentence for every stated group, in the vendor's order, with distractors in between.

    ``wording`` has templates for ``supply`` (voltage, phase, frequency), ``current``, ``io``,
    ``protocols``, ``warranty`` and ``extra``; each has one ``{}``.
    """
    says = _stated(sheet, rng)
    sentences = [
        pick(rng, wording[key]).format(says[key])
        for group in sheet.vendor.order
        for key in (("supply", "current") if group == "power" else (group,))
        if key in says
    ]
    for extra in sheet.extras():
        sentences.insert(
            int(rng.integers(len(sentences) + 1)), pick(rng, wording["extra"]).format(extra.phrase)
        )
    return [sentence[:1].upper() + sentence[1:].replace("..", ".") for sentence in sentences]


def _stated(sheet: Sheet, rng: np.random.Generator) -> dict[str, str]:
    supply = [item.phrase for item in sheet.stated(*POWER[:3])]
    if len(supply) > 1 and happens(rng, 0.3):
        supply = [supply[1], supply[0], *supply[2:]]
    groups = {
        "supply": pick(rng, (" ", ", ", ", ")).join(supply),
        "current": "".join(item.phrase for item in sheet.stated(POWER[3])),
        "io": pick(rng, (" and ", " and ", ", ", " / ")).join(item.phrase for item in sheet.stated(*IO)),
        "protocols": "".join(item.phrase for item in sheet.stated("protocols")),
        "warranty": "".join(item.phrase for item in sheet.stated("warranty_years")),
    }
    return {key: text for key, text in groups.items() if text}
