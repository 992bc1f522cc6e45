"""Compare how a call asks, and what answers, with what a policy was certified for."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from insource.contract.resolved import resolved, schema_text, target_of
from insource.foundation.canonical import digest
from insource.types import JsonSchema, Task
from insource.types.certified import Certified

PROMPT_CHANGED = "prompt-changed"
MOST_PROMPTS = 200
"""System messages that are told apart. With more, each document brings its own, and any is as measured."""

_FIGURES = re.compile(r"\d+")
# Keywords that say nothing about which values fit.
_NOTES = frozenset({
    "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples",
    "example", "deprecated", "readOnly", "writeOnly", "x-insource",
})  # fmt: skip
_UNORDERED = ("required", "enum", "type")


def certified(
    task: Task,
    prompts: Iterable[str] = (),
    schemas: Iterable[Mapping[str, Any]] = (),
    prompt_versions: Iterable[str] = (),
) -> Certified:
    """Return what a policy is certified for: the task's own prompt and schema, and those of its calls.

    ``prompts`` are the system messages with which the calibration documents were asked. Messages that differ
    in their figures alone, such as a date, stand for all figures there. An inferred contract is no format
    that a caller can have been given, so it certifies none.

    Raises:
        InvalidSchema: a schema is not valid.
    """
    own = (task.instruction, task.messages("", describe_output=True)[0].content)
    said = sorted({_words(prompt) for prompt in (*own, *prompts) if prompt.strip()})
    spelled: dict[str, set[str]] = defaultdict(set)
    for prompt in said:
        spelled[_FIGURES.sub("#", prompt)].add(prompt)
    given = [dict(schema) for schema in schemas]
    if isinstance(task.output, JsonSchema) and not task.output.inferred:
        given += [task.output.definition, task.output.generated]
    return Certified(
        prompts=tuple(digest(prompt) for prompt in said) if len(said) <= MOST_PROMPTS else (),
        varying=tuple(sorted(digest(words) for words, forms in spelled.items() if len(forms) > 1)),
        schemas=tuple(sorted({schema_digest(one, strict=s) for one in given for s in (False, True)})),
        prompt_versions=tuple(sorted({version for version in prompt_versions if version})),
    )


def with_prompts(known: Certified, prompts: Iterable[str]) -> Certified:
    """Return what is certified when further system messages ask for the same job, as a person says."""
    more = {digest(_words(prompt)) for prompt in prompts}
    if not more or not known.prompts:
        return known
    return known.model_copy(update={"prompts": tuple(sorted({*known.prompts, *more}))})


def files_changed(known: Certified, files: Mapping[str, str]) -> str:
    """Return which files are not those that were certified, in words; empty where that is unknown."""
    if not known.files:
        return ""
    names = sorted(name for name in {*known.files, *files} if known.files.get(name) != files.get(name))
    return f"the model ({', '.join(names)})" if names else ""


def changed(
    known: Certified, *, prompt: str = "", schema: Mapping[str, Any] | None = None, prompt_version: str = ""
) -> str:
    """Return what of a call is not what was certified, in words; empty if nothing is.

    A call without a system message, without a schema or without a version says nothing of it.

    Raises:
        InvalidSchema: the call's schema is not valid.
    """
    if prompt_version and known.prompt_versions and prompt_version not in known.prompt_versions:
        return f"the prompt version {prompt_version[:80]!r}"
    words = _words(prompt)
    if words and known.prompts and digest(words) not in known.prompts:
        varies = digest(_FIGURES.sub("#", words)) in known.varying
        if not varies:
            return "the system message"
    if schema is not None and known.schemas and schema_digest(schema) not in known.schemas:
        return "the schema of the answer"
    return ""


def schema_digest(schema: Mapping[str, Any], *, strict: bool = False) -> str:
    """Return a digest that is equal for schemas which differ in notes, order or references alone.

    ``strict`` gives that of the form which OpenAI's clients send for structured outputs: closed objects whose
    properties are all required.

    Raises:
        InvalidSchema: the schema is not valid.
    """
    return _digested(schema_text(schema), strict)


@lru_cache(maxsize=512)
def _digested(text: str, strict: bool) -> str:
    whole = resolved(json.loads(text))
    return digest(_plain(whole, whole.get("$defs", {}), frozenset(), strict))


def _words(prompt: str) -> str:
    return " ".join(prompt.split())


def _plain(node: Any, definitions: Mapping[str, Any], above: frozenset[str], strict: bool) -> Any:
    """Return a schema without notes, with its references written out and its unordered lists sorted."""
    if isinstance(node, list):
        return [_plain(one, definitions, above, strict) for one in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str) and reference not in above:
        target = target_of(reference, definitions)
        beside = {name: value for name, value in node.items() if name != "$ref"}
        return _plain({**target, **beside}, definitions, above | {reference}, strict)
    found: dict[str, Any] = {}
    for name, value in node.items():
        if name in _NOTES:
            continue
        if name == "properties" and isinstance(value, dict):  # a property may be named like a keyword
            found[name] = {key: _plain(one, definitions, above, strict) for key, one in value.items()}
        elif name in _UNORDERED and isinstance(value, list):
            found[name] = sorted(value, key=digest)
        else:
            found[name] = _plain(value, definitions, above, strict)
    if strict and isinstance(found.get("properties"), dict):
        found |= {"additionalProperties": False, "required": sorted(found["properties"], key=digest)}
    return found
