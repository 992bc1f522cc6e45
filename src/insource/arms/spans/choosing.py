"""Choose for each field how it is answered, and give its second stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from insource.arms.spans.folds import Fold
from insource.arms.spans.judgements import judged
from insource.arms.spans.judging import fit_judge
from insource.arms.spans.out_of_fold import FieldFit
from insource.arms.spans.teaching import Group
from insource.models.fitted.spans.claims import Judge
from insource.models.fitted.spans.field_model import FieldModel
from insource.models.fitted.spans.fields import Path

GOOD_ENOUGH = 0.97
"""With this share of rows answered rightly by spans, no label of the whole text is fitted."""


@dataclass(frozen=True)
class Chosen:
    """The fields of one group, each as it is answered. ``compared`` counts the ways that were tried."""

    group: Group
    fits: Mapping[Path, FieldFit]
    judged: tuple[str, ...]
    compared: int

    def models(self, fold: int | None, samples: Iterable[int]) -> list[FieldModel]:
        """Return the models fitted to all samples, or to a fold of the first set.

        The second stages are fitted to the out-of-fold rankings of ``samples``.
        """
        scopes = self.group.of_samples(samples)
        found = []
        for path, fit in self.fits.items():
            part = fit.whole if fold is None else fit.folds[fold]
            judge = self.judge(path, scopes)
            found.append(FieldModel(fit.field, part.taught, part.ranker, part.judgement, judge))
        return found

    def judge(self, path: Path, scopes: Sequence[int]) -> Judge:
        """Return a field's second stage, fitted to these scopes."""
        rankings = {other: fit.rankings for other, fit in self.fits.items()}
        kinds = {other: fit.field.kind for other, fit in self.fits.items()}
        field = self.fits[path].field
        return fit_judge(field, rankings, kinds, self.group.golds[path], self.group.equal[path], scopes)

    def share_right(self, path: Path) -> float:
        """Return how often the field is answered rightly out of fold (its second stage has seen the rows)."""
        everything = range(len(self.group.scopes))
        judge, fit, equal = self.judge(path, everything), self.fits[path], self.group.equal[path]
        right = total = 0
        for n, ranking in enumerate(fit.rankings):
            rivals = [
                f.rankings[n] for p, f in self.fits.items() if p != path and f.field.kind == fit.field.kind
            ]
            for scope in everything:
                gold, here = self.group.golds[path][scope], ranking[scope]
                if gold is None or here is None:
                    continue
                others = [other for rival in rivals if (other := rival[scope])]
                said = judge.decide(fit.field, judge.claims(fit.field, here, others)).values
                total += 1
                right += len(said) == len(gold) and all(equal(g, s) for g, s in zip(gold, said, strict=True))
        return right / total if total else 1.0


def chosen(group: Group, fold_sets: Sequence[Sequence[Fold]], fits: Mapping[Path, FieldFit]) -> Chosen:
    """Return each field as spans, or as a label of the whole text where that is right more often."""
    now = Chosen(group, fits, (), 1)
    whole = all(scope.start == 0 and scope.end == len(scope.document.text) for scope in group.scopes)
    for path, fit in fits.items():
        if not whole or fit.field.kind != "choice" or fit.field.many or not fold_sets:
            continue
        before = now.share_right(path)
        if before >= GOOD_ENOUGH or (other := judged(fit.field, group, fold_sets, fit)) is None:
            continue
        changed = Chosen(group, {**now.fits, path: other}, (*now.judged, fit.field.name), 2)
        if changed.share_right(path) > before:
            now = changed
        else:
            now = Chosen(group, now.fits, now.judged, 2)
    return now
