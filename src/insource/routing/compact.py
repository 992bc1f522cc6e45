"""A model that was trained to write compact answers, behind the same interface as any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from insource.contract.compact_form import CompactForm, NoCompactForm, compact_form
from insource.models.protocol import Model, ModelInfo, Request
from insource.routing.confidence import judged
from insource.routing.json_spans import json_spans
from insource.routing.tokens.evidence import contract_path
from insource.types import Completion, OutputSpec


class CompactModel:
    """Asks another model in compact form, and returns the answer with its keys.

    A request's grammar is that of the answer with its keys. Only the tokens as the model wrote them can be
    replayed, so the confidence is stated here. The tokens that are returned stand for the answer with its
    keys: a key belongs to the comma or bracket in whose place it stands.
    """

    def __init__(self, model: Model, output: OutputSpec, tokenizer: Callable[[], Any]) -> None:
        self._model = model
        self._output = output
        self._tokenizer = tokenizer

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def generate(self, request: Request) -> Completion:
        """Return the model's answer. A text that is not in compact form stays as it is, and is scored so."""
        form = form_of(request.contract or self._output)
        if form is None:
            return self._model.generate(request)
        grammar = request.grammar and form.grammar(request.grammar)
        completion = self._model.generate(request.model_copy(update={"grammar": grammar}))
        if completion.tokens:
            completion = judged(completion, grammar, self._tokenizer())
        return with_keys(completion, form)


def with_keys(completion: Completion, form: CompactForm) -> Completion:
    """Return an answer in compact form as the answer with its keys; another text stays as it is."""
    said = completion.text.encode()
    changed: dict[str, Any] = {}
    try:
        pieces = form.pieces(said)
        answer = b"".join(pieces)
        if completion.field_confidences:
            # Both texts have the same values in the same order, unless an object was left empty.
            pairs = zip(json_spans(said), json_spans(answer), strict=True)
            paths = {was.path: now.path for was, now in pairs}
            changed["field_confidences"] = {paths[at]: p for at, p in completion.field_confidences.items()}
            named = {contract_path(was): contract_path(now) for was, now in paths.items()}
            changed["field_evidence"] = {named.get(at, at): e for at, e in completion.field_evidence.items()}
    except ValueError:
        return completion
    changed["text"] = answer.decode(errors="replace")
    if b"".join(token.bytes for token in completion.tokens) == said:
        starts = 0
        tokens = []
        for token in completion.tokens:
            ends = starts + len(token.bytes)
            tokens.append(token.model_copy(update={"bytes": b"".join(pieces[starts:ends])}))
            starts = ends
        changed["tokens"] = tuple(tokens)
    return completion.model_copy(update=changed)


def form_of(output: OutputSpec | Mapping[str, Any]) -> CompactForm | None:
    """Return the compact form of a task's or a document's answers, None where they have none."""
    try:
        return compact_form(output)
    except NoCompactForm:
        return None
