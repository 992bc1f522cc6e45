"""What stands in a prompt beside the document: instruction, examples, passages, and how they are chosen."""

from __future__ import annotations

from typing import Any, Literal

from insource.types import Frozen, Message, Task

Choice = Literal["none", "fixed", "retrieved"]

PASSAGES_HEAD = "Passages from the reference documents:"
DOCUMENT_HEAD = "The document:"


class Shot(Frozen):
    """A training row shown as an example: the document and its answer."""

    row_id: str
    input: str
    target: str
    attributes: tuple[str, ...] | None = None
    group: str | None = None


class Passage(Frozen):
    """A part of a reference document."""

    source: str
    text: str


class Prompt(Frozen):
    """How a base model is asked, with everything that changes its answer.

    ``task`` has the instruction that is sent and the output that it describes. ``examples`` says how the
    ``shots`` examples are chosen, ``passages`` how many passages are looked up. ``base`` is a model of the
    catalogue, ``base_digest`` its weights. Prompt and answer have ``context_tokens``, of them ``max_tokens``
    for the answer.
    """

    task: Task
    base: str
    base_digest: str
    context_tokens: int
    max_tokens: int
    constrained: bool = True
    examples: Choice = "none"
    shots: int = 0
    passages: int = 0

    def messages(
        self,
        document: str,
        *,
        attributes: tuple[str, ...] | None = None,
        contract: dict[str, Any] | None = None,
        shots: tuple[Shot, ...] = (),
        passages: tuple[Passage, ...] = (),
    ) -> tuple[Message, ...]:
        """Return the whole prompt: instruction, examples as turns of a conversation, then the document.

        Passages stand beside the document, so that everything before stays in the engine's cache.
        """
        system, asked = self.task.messages(
            document, attributes=attributes, contract=contract, describe_output=True
        )
        turns = []
        for shot in shots:
            turns.append(self.task.messages(shot.input, attributes=shot.attributes)[1])
            turns.append(Message(role="assistant", content=shot.target))
        if passages:
            read = "\n\n".join(f"[{passage.source}]\n{passage.text}" for passage in passages)
            asked = Message(
                role="user", content=f"{PASSAGES_HEAD}\n\n{read}\n\n{DOCUMENT_HEAD}\n\n{asked.content}"
            )
        return (system, *turns, asked)
