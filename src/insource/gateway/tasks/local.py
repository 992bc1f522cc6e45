"""Ask the local model about a document, and judge its answer."""

from __future__ import annotations

from collections.abc import Callable

from insource.contract.answers import answer_text, read_answer
from insource.contract.grammar import compile_grammar
from insource.contract.reasoning import without_reasoning
from insource.contract.validate import fits
from insource.foundation.errors import InsourceError
from insource.gateway.call.exchange import Attempt
from insource.models.protocol import Model, Request
from insource.routing.confidence import TOP_LOGPROBS
from insource.types import Completion, JsonSchema, Task

TOO_LONG = "too-long"


def prompt_of(task: Task, max_tokens: int) -> Callable[[str], Request]:
    """Return the function that makes the task's prompt for a document, under the grammar of its output.

    Raises:
        DataError: ``schema-not-supported``.
    """
    grammar = compile_grammar(task.output).text

    def ask(document: str) -> Request:
        return Request(
            messages=task.messages(document),
            max_tokens=max_tokens,
            grammar=grammar,
            top_logprobs=TOP_LOGPROBS,
            document=document,
        )

    return ask


class LocalAnswerer:
    """The local model of a task. ``answer`` blocks, so the gateway calls it in a thread."""

    def __init__(
        self,
        model: Model,
        task: Task,
        ask: Callable[[str], Request],
        confidence: Callable[[Completion], float | None],
        judge: Callable[[Completion], Completion] | None = None,
    ) -> None:
        self.model = model
        self._task = task
        self._ask = ask
        self._confidence = confidence
        self._judge = judge

    def answer(self, document: str) -> Attempt:
        """Return one attempt. It never raises, because the cloud may answer after any failure here."""
        try:
            completion = self.model.generate(self._ask(document))
        except Exception as error:
            too_long = isinstance(error, InsourceError) and error.code == "prompt-too-long"
            return Attempt(
                "failed", error=f"{type(error).__name__}: {error}", why=TOO_LONG if too_long else ""
            )
        if completion.finish_reason == "length" or not self._fits(completion.text):
            return Attempt("invalid", completion, 0.0, "the local answer does not fit the output contract")
        sure, unsure = completion.confidence, ""
        try:
            if self._judge is not None:
                completion = self._judge(completion)
                sure = completion.confidence
            sure = self._confidence(completion) if sure is None else sure
        except InsourceError as error:
            unsure = f"no confidence: {error.message}"
        return Attempt("valid", self._without_reasoning(completion), sure, unsure)

    def _without_reasoning(self, completion: Completion) -> Completion:
        text = answer_text(completion.text, self._task.output)
        if text == completion.text:
            return completion
        # Its tokens are those of another text then, and would tell what was dropped.
        return completion.model_copy(update={"text": text, "tokens": ()})

    def _fits(self, text: str) -> bool:
        answer = read_answer(text, self._task.output)
        # The text is served as it is, so it may hold nothing beside the answer.
        if not answer.parsed or without_reasoning(text) != text:
            return False
        output = self._task.output
        return not isinstance(output, JsonSchema) or fits(answer.value, output.definition)
