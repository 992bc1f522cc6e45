"""What a policy did on documents that neither trained nor calibrated: share served, errors, quality, cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from insource.evaluation.estimators import rate, ratio, sampling_units
from insource.routing.bounds.coverage import is_known
from insource.routing.bounds.losses import Counting
from insource.types import EvalRecord, Policy
from insource.types.routing import ServedShare


class Ways(NamedTuple):
    """The two ways of a cascade: what 1,000 documents cost here and in the cloud, None if not known."""

    here_usd: float | None = None
    cloud_usd: float | None = None


def served_shares(
    policy: Policy,
    counting: Counting,
    records: Sequence[EvalRecord],
    kept: Callable[[EvalRecord], bool],
    cloud: dict[str, EvalRecord],
    ways: Ways,
) -> tuple[ServedShare, ...]:
    """Return what the policy did on all documents, and where both exist, on those of known and new groups.

    ``kept`` says whether the policy serves a record here. ``cloud`` has the cloud's records by document id.
    """
    one = _Part(policy, counting, kept, cloud, ways)
    records = [record for record in records if record.status != "unscored"]
    known = [record for record in records if _known(policy, record) is True]
    new = [record for record in records if _known(policy, record) is False]
    parts = [one.measured("all", records)]
    if new:
        parts += [one.measured("known groups", known)] if known else []
        parts.append(one.measured("new groups", new))
    return tuple(parts) if records else ()


def gain_share(
    policy: Policy,
    counting: Counting,
    records: Sequence[EvalRecord],
    gains: Sequence[float],
    handed_over: int,
    cloud: dict[str, EvalRecord],
    ways: Ways,
) -> ServedShare:
    """Return what handing over the documents of the largest ``gains`` would have done, as many as are said.

    A document that is handed over costs the cloud alone: no model was asked here first.
    """
    order = sorted(range(len(records)), key=lambda at: -gains[at])
    away = {records[at].row_id for at in order[:handed_over]}
    one = _Part(policy, counting, lambda record: record.row_id not in away, cloud, ways, before=True)
    return one.measured("by expected gain", records)


def _known(policy: Policy, record: EvalRecord) -> bool | None:
    if record.group is None:
        return None
    by_policy = is_known(policy, record.group) if policy.unit == "documents" else None
    return record.group_seen if by_policy is None else by_policy


class _Part(NamedTuple):
    policy: Policy
    counting: Counting
    kept: Callable[[EvalRecord], bool]
    cloud: dict[str, EvalRecord]
    ways: Ways
    before: bool = False

    def measured(self, name: str, records: Sequence[EvalRecord]) -> ServedShare:
        """Return the figures of these documents; the interval of a share has their groups as units."""
        served = [self.kept(record) for record in records]
        units = sampling_units([record.group for record in records])
        fields = [len(record.score.slots) if record.score else 0 for record in records]
        counts = [self.counting.of(record) for record in records]
        lost = [(c.wrong, c.counted) if c and s else (0.0, 0.0) for c, s in zip(counts, served, strict=True)]
        named = {record.group for record in records if record.group is not None}
        share = rate([float(one) for one in served], units)
        return ServedShare.model_validate(
            {
                "name": name,
                "documents": len(records),
                "groups": len(named) or None,
                "share": share,
                "fields": ratio([n * s for n, s in zip(fields, served, strict=True)], fields, units),
                "loss": ratio([wrong for wrong, _ in lost], [of for _, of in lost], units),
                "quality": self._quality(records, served),
                "cost_per_1000_usd": self._cost(share.value),
            }
        )

    def _quality(self, records: Sequence[EvalRecord], served: Sequence[bool]) -> object:
        final = list(self._final(records, served))
        if not final:
            return None
        right = [float(one.score is not None and one.score.exact) for one in final]
        return rate(right, sampling_units([one.group for one in final]))

    def _final(self, records: Sequence[EvalRecord], served: Sequence[bool]) -> Iterator[EvalRecord]:
        """Yield what a caller got, where the cloud was asked about the document."""
        for record, here in zip(records, served, strict=True):
            if (theirs := self.cloud.get(record.row_id)) is not None:
                yield record if here else theirs

    def _cost(self, share: float | None) -> float | None:
        here, cloud = self.ways
        if here is None or cloud is None or share is None:
            return None
        return (share if self.before else 1.0) * here + (1 - share) * cloud
