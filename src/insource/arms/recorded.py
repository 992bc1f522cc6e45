"""A model that answers what an arm's records hold, so that no model is asked twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from insource.foundation.errors import ProviderError
from insource.models.protocol import ModelInfo, Request
from insource.types import Completion, EvalRecord, Example

Asked = tuple[str, tuple[str, ...] | None]
"""A document and the fields asked of it: one text may be asked twice, for other fields."""


class RecordsModel:
    """Answers the document of a request; a failed record fails again, for its reason."""

    def __init__(
        self, name: str, records: Mapping[Asked, EvalRecord], *, local: bool = False, simulated: bool = False
    ) -> None:
        self.info = ModelInfo(name=name, local=local, simulated=simulated, replayed=True)
        self._records = records

    def generate(self, request: Request) -> Completion:
        """Return the recorded answer, with the confidence that was recorded beside it.

        Raises:
            ProviderError: ``call-failed``.
        """
        record = self._records[request.document or "", request.attributes]
        if record.completion is None:
            raise ProviderError("call-failed", record.reason)
        return record.completion.model_copy(update={"confidence": record.confidence})


def by_document(examples: Iterable[Example], records: Iterable[EvalRecord]) -> dict[Asked, EvalRecord]:
    """Return the records by document and fields asked; those of other documents are left out."""
    asked = {one.row_id: (one.input, one.attributes) for one in examples}
    return {asked[record.row_id]: record for record in records if record.row_id in asked}
