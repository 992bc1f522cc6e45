"""Read each row into a few fixed-size values, all that splitting needs."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.dataset.splits.identifiers import Identifiers
from insource.dataset.splits.templates import masked
from insource.foundation.clock import to_microseconds
from insource.similarity.normal_text import normalised, numbers_of, undated
from insource.types import SPLITS, Row

Keys = NDArray[np.uint64]
NO_TIME = np.iinfo(np.int64).min
NONE = -1
_MILLISECONDS_FROM = 1e11
_LONGEST = 2**62


class RowKeys(NamedTuple):
    """Arrays with one value a row, in the order of the rows.

    ``row``, ``record``, ``group`` and ``template`` are 64-bit digests of the row's id, its normalised input,
    its group (0 for none) and its masked text; ``numbers`` that of the numbers in its input, by which two
    nearly equal inputs are one document or two on one template; ``undated`` that of its input without dates
    and times of day; ``stratum`` that of its label, 0 when labels are not classes.
    ``given`` is the place in ``SPLITS`` of the split the row came with, -1 for none. ``time`` is in
    microseconds since the epoch, ``NO_TIME`` when it is missing or cannot be read. ``parents`` are the
    digests of the ids that a synthetic row was made from, by its index.
    """

    row: Keys
    record: Keys
    group: Keys
    template: Keys
    numbers: Keys
    undated: Keys
    stratum: Keys
    given: NDArray[np.int8]
    time: NDArray[np.int64]
    synthetic: NDArray[np.bool_]
    parents: dict[int, tuple[int, ...]]


def key_of(text: str, kind: str) -> int:
    """Return a 64-bit digest, never 0; the same text is another key as another kind of thing.

    Two of a million texts share one with a chance of about 3 in 100 million.
    """
    found = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=kind.encode()).digest()
    return int.from_bytes(found, "big") or 1


def read_keys(
    rows: Iterable[Row], *, stratified: bool = False, identifiers: Identifiers | None = None
) -> RowKeys:
    """Read every row once. ``stratified`` says that outputs are labels; ``identifiers`` are told of each."""
    names = ("row", "record", "group", "template", "numbers", "undated", "stratum")
    digests = {name: array("Q") for name in names}
    given, times, synthetic = array("b"), array("q"), array("b")
    parents: dict[int, tuple[int, ...]] = {}
    for index, row in enumerate(rows):
        digests["row"].append(key_of(row.row_id, "row"))
        digests["record"].append(key_of(normalised(row.input), "record"))
        digests["group"].append(0 if row.group is None else key_of(row.group, "group"))
        digests["template"].append(key_of(masked(row.input, row.output), "template"))
        digests["numbers"].append(key_of(numbers_of(row.input), "numbers"))
        digests["undated"].append(key_of(undated(row.input), "undated"))
        digests["stratum"].append(key_of(str(row.output).strip(), "label") if stratified else 0)
        given.append(NONE if row.split is None else SPLITS.index(row.split))
        moment = moment_of(row.time)
        times.append(NO_TIME if moment is None else moment)
        synthetic.append(bool(row.provenance.synthetic))
        if row.provenance.synthetic:
            parents[index] = tuple(key_of(parent, "row") for parent in row.provenance.parents)
        if identifiers is not None:
            identifiers.observe(index, row)
    return RowKeys(
        **{name: np.array(values, np.uint64) for name, values in digests.items()},
        given=np.array(given, np.int8),
        time=np.array(times, np.int64),
        synthetic=np.array(synthetic, np.bool_),
        parents=parents,
    )


def moment_of(text: str | None) -> int | None:
    """Return a time in microseconds since the epoch; None when the text is none.

    The text is ISO 8601, UTC unless it says otherwise, or seconds or milliseconds since the epoch.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return to_microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        pass
    try:
        number = float(text)
        found = round(number * (1e3 if abs(number) >= _MILLISECONDS_FROM else 1e6))
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < _LONGEST else None
