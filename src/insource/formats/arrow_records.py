"""Convert Arrow record batches, those of Parquet files too, to records as JSON represents them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

_EXACT = 2.0**53  # a whole float beyond it may have been another integer


def arrow_records(
    batches: Iterable[Any], noted: Counter[str], whole: frozenset[str] = frozenset()
) -> Iterator[dict[str, Any]]:
    """Yield the rows of record batches. NaN is a missing value; floats in the columns ``whole`` are integers.

    ``noted`` counts both by column.
    """
    for batch in batches:
        for record in batch.to_pylist():
            yield {str(name): _cell(str(name), value, noted, whole) for name, value in record.items()}


class WholeColumns:
    """Find the columns of integers that pandas keeps as floats, because a value is missing in them.

    Such a column has floats, all of them whole, and a missing value: a NaN, or a null where the schema says
    that pandas wrote it. Other programs keep integers beside nulls, so their floats are floats. The batches
    of several files are looked at together.
    """

    def __init__(self) -> None:
        self._broken: set[str] = set()
        self._missing: set[str] = set()
        self._whole: set[str] = set()

    @property
    def names(self) -> frozenset[str]:
        return frozenset((self._whole & self._missing) - self._broken)

    def look(self, batches: Iterable[Any]) -> None:
        """Look at the columns of floats in some batches."""
        import pyarrow
        import pyarrow.compute as compute

        for batch in batches:
            by_pandas = b"pandas" in (batch.schema.metadata or {})
            # Not by name: two columns may have the same.
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if not pyarrow.types.is_floating(column.type):
                    continue
                present = column.cast(pyarrow.float64()).drop_null()
                numbers = present.filter(compute.invert(compute.is_nan(present)))
                if len(numbers) < len(present) or (by_pandas and column.null_count):
                    self._missing.add(name)
                is_whole = compute.and_(
                    compute.less(compute.abs(numbers), _EXACT), compute.equal(compute.floor(numbers), numbers)
                )
                if len(numbers):
                    (self._whole if compute.all(is_whole).as_py() else self._broken).add(name)


def float_columns(schema: Any) -> list[str]:
    """Return the columns that ``WholeColumns`` looks at."""
    import pyarrow

    return [field.name for field in schema if pyarrow.types.is_floating(field.type)]


def _cell(name: str, value: Any, noted: Counter[str], whole: frozenset[str]) -> Any:
    if isinstance(value, float):
        if math.isnan(value):
            noted[f"NaN in the column {name}, read as missing"] += 1
            return None
        if name in whole:
            noted[f"Numbers of the column {name} that a missing value had made floats, read as integers"] += 1
            return int(value)
    return plain(value)


def plain(value: Any) -> Any:
    """Return a value of Arrow as JSON represents it."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return str(value) if isinstance(value, Decimal) or not _is_json(value) else value


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)
