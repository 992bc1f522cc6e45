"""A reviewer's decision about one field of a row."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from insource.types.base import Frozen

ReviewVerdict = Literal["accepted", "edited", "rejected"]


class ReviewDecision(Frozen):
    """One line of the reviews file: who decided what about which field.

    ``field`` is a JSON Pointer (RFC 6901) into the answer; empty means the whole answer. ``before`` is the
    value that was reviewed. ``after`` is the value to use from then on: equal to ``before`` when accepted,
    and null when rejected, which means that the value is wrong and the right one is unknown. ``input`` is the
    digest of the document and the requested fields.
    """

    row_id: str
    field: str = Field(pattern=r"^(/(?s:.*))?$")
    verdict: ReviewVerdict
    before: Any = None
    after: Any = None
    who: str = Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")
    when: str
    input: str

    @model_validator(mode="after")
    def _after_agrees_with_the_verdict(self) -> ReviewDecision:
        if self.verdict == "accepted" and self.after != self.before:
            raise ValueError(
                "an accepted value must be the same before and after; use `edited` for a changed value"
            )
        if self.verdict == "rejected" and self.after is not None:
            raise ValueError("a rejected value must have no value after; use `edited` to give one")
        return self
