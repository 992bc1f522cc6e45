"""A source's rows with the log's answers beside their own, so that fixes reach both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from insource.dataset.rows.source import Source
from insource.types import Dropped, LoggedAnswer, Row


class Answered:
    """``logged`` answers, by row id and model, join those of the rows and take their place."""

    def __init__(self, source: Source, logged: Mapping[str, Mapping[str, LoggedAnswer]]) -> None:
        self._source = source
        self._logged = logged
        self.name = source.name

    @property
    def notes(self) -> tuple[str, ...]:
        return self._source.notes

    def __iter__(self) -> Iterator[Row | Dropped]:
        for item in self._source:
            found = self._logged.get(item.row_id) if isinstance(item, Row) else None
            yield _joined(item, found) if isinstance(item, Row) and found else item


def _joined(row: Row, logged: Mapping[str, LoggedAnswer]) -> Row:
    texts = {model: answer.text for model, answer in logged.items()}
    latency_s = {model: answer.latency_s for model, answer in logged.items() if answer.latency_s is not None}
    return row.model_copy(
        update={
            "cloud_outputs": dict(sorted({**row.cloud_outputs, **texts}.items())),
            "cloud_latency_s": dict(sorted({**row.cloud_latency_s, **latency_s}.items())),
        }
    )
