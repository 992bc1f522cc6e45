"""Measure a text answer: required facts, and overlap with the references.

Overlap rewards the reference's words, not its meaning; required facts are what can be checked. Both are by
document, between 0 and 1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from insource.matching.comparators import KEYWORD, comparator_for
from insource.matching.grounding import grounding_tier
from insource.matching.normal_forms import fold_text
from insource.types import Example

ORDER, BETA = 6, 2.0
"""chrF counts character n-grams up to this order, and weighs recall as this many times precision."""

_WORD = re.compile(r"\w+")


def references(example: Example) -> tuple[str, ...]:
    """Return the label and the further acceptable texts."""
    return example.target, *map(str, example.acceptable.get("", ()))


def text_metrics(example: Example, answer: str) -> dict[str, float]:
    """Return token F1 and chrF against the nearest reference, and the share of the required facts.

    ``required_facts`` is missing for a document that requires none.
    """
    known = references(example)
    found = {
        "token_f1": max(token_f1(one, answer) for one in known),
        "chrf": max(chrf(one, answer) for one in known),
    }
    if example.facts:
        found["required_facts"] = 1 - len(missing_facts(example.facts, answer)) / len(example.facts)
    return found


def missing_facts(facts: Sequence[Mapping[str, Any]], answer: str) -> tuple[str, ...]:
    """Return the facts that the answer does not contain, by their first value.

    A fact is there when the grounding ladder finds one of its values in the answer, compared as its options
    say. A fact that is denied is there too: a negation is not read.
    """
    missing = []
    for fact in facts:
        options = {name: value for name, value in fact.items() if name != "any_of"}
        comparator = comparator_for({KEYWORD: options})
        if all(grounding_tier(value, answer, comparator) is None for value in fact["any_of"]):
            missing.append(str(fact["any_of"][0]))
    return tuple(missing)


def token_f1(reference: str, answer: str) -> float:
    """Return the F1 of the words that both have, repeats counted (as SQuAD, Rajpurkar et al. 2016).

    Case, Unicode form and punctuation are folded; unlike SQuAD, articles count.
    """
    left, right = (Counter(_WORD.findall(fold_text(text))) for text in (reference, answer))
    common = (left & right).total()
    return 2 * common / (left.total() + right.total()) if common else float(left == right)


def chrf(reference: str, answer: str) -> float:
    """Return chrF2 (Popović 2015): the F-score, recall twice as heavy, of character n-grams without spaces.

    Precision and recall are means over the orders 1 to 6 that both texts have, as in sacreBLEU.
    """
    left, right = ("".join(text.split()) for text in (reference, answer))
    precision = recall = 0.0
    orders = min(ORDER, len(left), len(right))
    for n in range(1, orders + 1):
        wanted, given = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in (left, right))
        common = (wanted & given).total()
        precision += common / given.total()
        recall += common / wanted.total()
    if not orders:
        return float(left == right)
    precision, recall = precision / orders, recall / orders
    weighted = BETA**2 * precision + recall
    return (1 + BETA**2) * precision * recall / weighted if weighted else 0.0


RESTS_ON = {
    "required_facts": "the required facts of each document, found in the answer by their comparators. Style, "
    "order and what else the answer says are not judged by it",
    "token_f1": "the words that the answer shares with the reference. Another wording of the same content "
    "loses",
    "chrf": "the character sequences that the answer shares with the reference. Another wording of the same "
    "content loses",
    "exact_match": "identity with the reference. Any other wording counts as wrong",
}


def rests_on(metric: str) -> str:
    """Return, for a text task, the sentence that says what a verdict on this metric rests on."""
    what = RESTS_ON.get("exact_match" if metric in ("accuracy", "field_accuracy") else metric)
    what = what or f"{metric}, which a scorer of your own computes"
    return f"The verdict rests on {what}. No person compared the answers."
