"""A client for a hosted decision model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from insource.foundation.errors import ProviderError
from insource.models.decisions.answers import Decided, option_text, read_decisions
from insource.models.decisions.contracts import WIRES, Contract
from insource.models.decisions.questions import Question, Questions
from insource.models.protocol import ModelInfo, Request
from insource.models.transport import Privacy, client, json_of, post
from insource.types import Completion, Usage

TIMEOUT_S = 60.0


class DecisionModel:
    """Asks the task's questions about a document; the prompt, the grammar and the seed mean nothing to it.

    The confidence is the probability of the chosen option; of several fields, the lowest one.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str,
        privacy: Privacy,
        *,
        contract: Contract,
        questions: Questions,
    ) -> None:
        self._info = ModelInfo(name=name, local=False)
        self._wire = WIRES[contract]
        self._questions = questions
        self._client = client(
            base_url.rstrip("/") + "/", privacy=privacy, timeout_s=TIMEOUT_S, api_key=api_key
        )

    @property
    def info(self) -> ModelInfo:
        return self._info

    def generate(self, request: Request) -> Completion:
        """Return the answer to ``request.document``; without it, the last message is the document.

        When the model declines a question, the answer is empty and ends with ``content_filter``: it was
        charged for.

        Raises:
            ProviderError: as ``OpenAIModel.generate``; ``provider-bad-answer`` when an answer is missing or
                is none of the options.
        """
        document = request.messages[-1].content if request.document is None else request.document
        asked = self._questions.about(request.attributes)
        body = self._wire.body(self._info.name.partition("/")[2], document, asked)
        started = time.monotonic()
        response = post(self._client, self._wire.path, body, name=self._info.name)
        latency_s = time.monotonic() - started
        answer = json_of(response, self._info.name)
        found = {one.name: one for one in read_decisions(answer)}
        if any(one.name in found and found[one.name].kind == "refusal" for one in asked):
            return self._declined(answer, latency_s)
        return self._completion(answer, [(one, self._answered(one, found)) for one in asked], latency_s)

    def _answered(self, question: Question, found: dict[str, Decided]) -> Decided:
        decided = found.get(question.name)
        wanted = "choice" if question.options else "predicate"
        if decided is None or decided.kind != wanted:
            raise ProviderError(
                "provider-bad-answer", f"The answer of {self._info.name} has no {wanted} of {question.name}."
            )
        if question.options and _option(decided) not in question.options:
            raise ProviderError(
                "provider-bad-answer",
                f"{self._info.name} chose {_option(decided)!r}, which is no option of {question.name}.",
            )
        return decided

    def _declined(self, answer: dict[str, Any], latency_s: float) -> Completion:
        return Completion(
            text="",
            finish_reason="content_filter",
            model=str(answer.get("model") or self._info.name),
            usage=_usage(answer.get("usage")),
            latency_s=latency_s,
        )

    def _completion(
        self, answer: dict[str, Any], pairs: Sequence[tuple[Question, Decided]], latency_s: float
    ) -> Completion:
        values = {
            question.name: question.options[_option(one)] if question.options else one.value
            for question, one in pairs
        }
        sure = {
            question.name: one.probabilities[_option(one)]
            for question, one in pairs
            if _option(one) in one.probabilities
        }
        label = dict(pairs[0][1].probabilities) if self._questions.whole else {}
        return Completion(
            text=self._questions.text(values),
            model=str(answer.get("model") or self._info.name),
            usage=_usage(answer.get("usage")),
            latency_s=latency_s,
            confidence=min(sure.values()) if len(sure) == len(pairs) and sure else None,
            field_confidences={} if self._questions.whole else sure,
            label_probabilities=dict(sorted(label.items(), key=lambda one: -one[1])),
        )


def _option(decided: Decided) -> str:
    return option_text(decided.value) if isinstance(decided.value, str | bool) else ""


def _usage(reported: Any) -> Usage:
    """Return the tokens; both contracts charge for what was read, and what was written may be left out."""
    counts = reported if isinstance(reported, dict) else {}
    read, written = (
        value if isinstance(value := counts.get(name), int) and value >= 0 else None
        for name in ("input_tokens", "output_tokens")
    )
    return Usage(input_tokens=read, output_tokens=written if read is None else written or 0)
