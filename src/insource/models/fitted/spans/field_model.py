"""One field's model, and what the fields of one scope decide together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field

from insource.models.fitted.spans.candidates import candidates
from insource.models.fitted.spans.claims import Decision, Judge, compared
from insource.models.fitted.spans.document import Scope
from insource.models.fitted.spans.features import features, times_seen
from insource.models.fitted.spans.fields import Field, Path, Taught
from insource.models.fitted.spans.judgement import Judgement
from insource.models.fitted.spans.ranking import Ranked, Ranker, rank


@dataclass(frozen=True)
class FieldModel:
    """One field: its spans are ranked by ``ranker``, or the whole text judged by ``judgement``.

    With neither, training had no value for it, and it stays empty.
    """

    field: Field
    taught: Taught
    ranker: Ranker | None = None
    judgement: Judgement | None = None
    judge: Judge = dataclass_field(default_factory=Judge)

    def rank(self, scope: Scope) -> tuple[Ranked, ...]:
        """Return the best values of a scope."""
        if self.judgement is not None:
            return self.judgement.rank(scope.document)
        if self.ranker is None or not (found := candidates(scope, self.field, self.taught)):
            return ()
        seen = times_seen(self.field, found, self.taught.vocabulary)
        return rank(self.field, found, self.ranker.scores(features(scope, self.field, found), seen))


def decide(scope: Scope, models: Iterable[FieldModel]) -> dict[Path, Decision]:
    """Return each field's answer in a scope, with what the other fields of its kind claim in view."""
    models = list(models)
    ranked = {one.field.path: one.rank(scope) for one in models}
    found = {}
    for one in models:
        here = ranked[one.field.path]
        claims = one.judge.claims(here, compared(one.field, here, rivals(one, models, ranked)))
        found[one.field.path] = one.judge.decide(one.field, claims)
    return found


def rivals(
    one: FieldModel, models: Iterable[FieldModel], ranked: Mapping[Path, tuple[Ranked, ...]]
) -> list[tuple[Ranked, ...]]:
    """Return what the other fields of this field's kind claim."""
    return [
        ranked[other.field.path]
        for other in models
        if other is not one and other.field.kind == one.field.kind and other.field.path in ranked
    ]
