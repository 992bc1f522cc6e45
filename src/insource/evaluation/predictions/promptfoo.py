"""Results of promptfoo: the JSON document of ``promptfoo eval --output results.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from insource.evaluation.predictions.prediction import Prediction, as_text, mapping
from insource.foundation.canonical import digest


def is_promptfoo(document: Mapping[str, Any]) -> bool:
    """Return whether a document has the results of promptfoo."""
    results = document.get("results")
    return isinstance(results, dict) and isinstance(results.get("results"), list)


def from_document(document: Mapping[str, Any]) -> Iterator[Prediction]:
    """Yield the predictions. A model is a provider, and its prompt where several prompts were tried.

    A test is identified by its place, or by its variables where it has none. Its gold is the value of an
    ``equals`` assertion; without one, promptfoo's own pass or fail stands for it.
    """
    results = [one for one in document["results"]["results"] if isinstance(one, dict)]
    prompts = {one.get("promptIdx", 0) for one in results}
    for one in results:
        provider = one.get("provider")
        name = provider.get("label") or provider.get("id") if isinstance(provider, dict) else provider
        if len(prompts) > 1:
            name = f"{name}, prompt {int(one.get('promptIdx', 0)) + 1}"
        response, test = mapping(one.get("response")), mapping(one.get("testCase"))
        variables = mapping(one.get("vars") or test.get("vars"))
        output = as_text(response.get("output"))
        # promptfoo writes a failed assertion into `error`, too: without an output, the call failed.
        reason = str(response.get("error") or one.get("error") or "no answer") if output is None else ""
        yield Prediction(
            id=str(one["testIdx"]) if "testIdx" in one else digest(variables)[:16],
            model=str(name),
            output=output,
            target=_gold(test),
            right=bool(one["success"]) if "success" in one else None,
            input="\n".join(str(value) for value in variables.values()),
            reason=reason,
        )


def _gold(test: Mapping[str, Any]) -> str | None:
    for assertion in test.get("assert") or ():
        if isinstance(assertion, dict) and assertion.get("type") == "equals":
            return as_text(assertion.get("value"))
    return None
