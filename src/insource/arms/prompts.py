"""How a model is asked: the prompt that describes the output, and the grammar of the answer."""

from __future__ import annotations

import json
from functools import lru_cache

from insource.contract.asked import restricted
from insource.contract.grammar import compile_grammar
from insource.models.grounding.grounding import Grounding
from insource.types import Example, JsonSchema, Message, Task

CLOUD_MAX_TOKENS = 1024


def grammar_for(task: Task, example: Example, grounding: Grounding | None = None) -> str | None:
    """The grammar of one document's answer: its own contract, the fields asked for, or the task's.

    ``grounding`` holds the values of a JSON answer to those that the document states.
    """
    if isinstance(task.output, JsonSchema):
        schema = example.contract or task.output.definition
        if example.attributes is not None:
            schema = restricted(schema, example.attributes)
        if example.contract is None:
            schema = task.output.with_reasoning(schema)
        if grounding is not None:
            return grounding.grammar(schema, example.input)
        return _schema_grammar(json.dumps(schema, ensure_ascii=False))  # key order is answer order
    return compile_grammar(task.output).text


def task_grammar(task: Task) -> str | None:
    """The grammar of the task's own output, for documents that come without an example around them."""
    return compile_grammar(task.output).text


def described(task: Task, example: Example) -> tuple[Message, ...]:
    """The prompt of a model that was not tuned: it has to be told what an answer looks like."""
    return task.messages(
        example.input,
        attributes=example.attributes,
        contract=example.contract,
        describe_output=True,
    )


@lru_cache(maxsize=256)
def _schema_grammar(schema: str) -> str | None:
    return compile_grammar(json.loads(schema)).text
