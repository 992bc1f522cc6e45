"""The base of every core type."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable value; an unknown key is an error, so a misspelled key is rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
