"""Every feature of JSON Schema, draft 2020-12: each part honours it, or what it leaves out is named.

For each feature there are a value that fits, one that does not, and the comparator that scoring has to find.
The grammar writes the first; it refuses the second, or names the keyword as not enforced.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from llguidance import LLMatcher, LLTokenizer
from support.schema_features import FEATURES

from insource.contract.canonical_form import canonical_target
from insource.contract.grammar import compile_grammar
from insource.contract.limits import limits
from insource.contract.validate import fits
from insource.matching.align import align

TOKENIZER = LLTokenizer("byte")


def accepts(schema: dict[str, Any], value: Any) -> bool:
    matcher = LLMatcher(TOKENIZER, compile_grammar(schema).text, log_level=0)
    tokens = list(canonical_target(value, schema).encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_each_part_honours_a_feature_or_names_it(feature):
    schema = feature.schema
    assert fits(feature.good, schema)
    assert not fits(feature.bad, schema)
    named = tuple(sorted({(limit.part, limit.keyword) for limit in limits(schema)}))
    assert named == feature.named
    assert accepts(schema, feature.good)
    assert not accepts(schema, feature.bad) or "grammar" in dict(named)
    filled = [slot for slot in align(feature.good, feature.good, schema) if slot.gold is not None]
    assert [slot.comparator.kind or "text" for slot in filled] == ([feature.kind] if feature.kind else [])


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_the_canonical_form_of_what_fits_reads_back_as_the_same_value(feature):
    target = canonical_target(feature.good, feature.schema)
    assert json.loads(target) == feature.good
    assert fits(json.loads(target), feature.schema)
