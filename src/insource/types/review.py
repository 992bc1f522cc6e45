"""What a reviewer decided about one field of a row."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from insource.types.base import Frozen

ReviewVerdict = Literal["accepted", "edited", "rejected"]


class ReviewDecision(Frozen):
    """One line of the reviews file: who decided what about which field, and what it was before.

    ``field`` is a JSON Pointer (RFC 6901) into the answer, empty for the whole of it. ``after`` is the value
    that holds from then on: ``before`` when accepted, null when rejected, which says that the value is wrong
    and the right one is not known. ``input`` is the digest of what the decision was made about.
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
            raise ValueError("an accepted value is the same before and after; say edited")
        if self.verdict == "rejected" and self.after is not None:
            raise ValueError("a rejected value has no value after; say edited")
        return self
