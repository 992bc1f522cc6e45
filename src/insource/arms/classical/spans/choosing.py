"""Choose for each field how it is answered, and give its second stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field

from insource.arms.classical.spans.folds import Fold
from insource.arms.classical.spans.judgements import judged
from insource.arms.classical.spans.judging import Seen, fit_judge, seen_of
from insource.arms.classical.spans.out_of_fold import FieldFit
from insource.arms.classical.spans.teaching import Group
from insource.models.fitted.spans.document import squashed
from insource.models.fitted.spans.field_model import FieldModel
from insource.models.fitted.spans.fields import Path

SPELLED = 0.9
"""With this share of values spelled out in the documents, a field is no label of the whole text."""

GOOD_ENOUGH = 0.97
"""With this share of rows answered rightly by spans, no label of the whole text is fitted."""


@dataclass(frozen=True)
class Chosen:
    """The fields of one group, each as it is answered. ``compared`` counts the ways that were tried."""

    group: Group
    fits: Mapping[Path, FieldFit]
    judged: tuple[str, ...]
    compared: int
    _seen: dict[Path, list[Seen]] = dataclass_field(default_factory=dict)

    def models(self, fold: int | None, samples: Iterable[int]) -> list[FieldModel]:
        """Return the models fitted to all samples, or to a fold of the first set.

        The second stages are fitted to the out-of-fold rankings of ``samples``.
        """
        scopes = frozenset(self.group.of_samples(samples))
        found = []
        for path, fit in self.fits.items():
            part = fit.whole if fold is None else fit.folds[fold]
            judge = fit_judge(fit.field, [one for one in self.seen(path) if one.scope in scopes])
            found.append(FieldModel(fit.field, part.taught, part.ranker, part.judgement, judge))
        return found

    def seen(self, path: Path) -> list[Seen]:
        """Return what a field's second stage is fitted to."""
        if path not in self._seen:
            fit = self.fits[path]
            rivals = [
                other.rankings
                for name, other in self.fits.items()
                if name != path and other.field.kind == fit.field.kind
            ]
            golds, equal = self.group.golds[path], self.group.equal[path]
            self._seen[path] = seen_of(fit.field, fit.rankings, rivals, golds, equal)
        return self._seen[path]

    def share_spelled(self, path: Path) -> float:
        """Return the share of the field's values that the documents spell out."""
        spelled = [
            squashed(str(value)) in squashed(scope.document.text)
            for scope, gold in zip(self.group.scopes, self.group.golds[path], strict=True)
            for value in gold or ()
        ]
        return sum(spelled) / len(spelled) if spelled else 1.0

    def share_right(self, path: Path) -> float:
        """Return how often a field with one value is right out of fold; its second stage saw the rows."""
        field, seen = self.fits[path].field, self.seen(path)
        judge, right = fit_judge(field, seen), 0
        for one in seen:
            said = judge.decide(field, judge.claims(one.ranked, one.features)).values
            best = [
                flag for ranked, flag in zip(one.ranked, one.right, strict=False) if (ranked.value,) == said
            ]
            right += any(best) if said else one.empty
        return right / len(seen) if seen else 1.0


def chosen(group: Group, fold_sets: Sequence[Sequence[Fold]], fits: Mapping[Path, FieldFit]) -> Chosen:
    """Return each field as spans, or as a label of the whole text where that is right more often."""
    now = Chosen(group, fits, (), 1)
    whole = all(scope.start == 0 and scope.end == len(scope.document.text) for scope in group.scopes)
    for path, fit in fits.items():
        if not whole or fit.field.kind != "choice" or fit.field.many or not fold_sets:
            continue
        if now.share_spelled(path) >= SPELLED:
            continue
        before = now.share_right(path)
        if before >= GOOD_ENOUGH or (other := judged(fit.field, group, fold_sets, fit)) is None:
            continue
        changed = Chosen(group, {**now.fits, path: other}, (*now.judged, fit.field.name), 2)
        better = changed.share_right(path) > before
        now = changed if better else Chosen(group, now.fits, now.judged, 2)
    return now
