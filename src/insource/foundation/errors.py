"""Every error a user can meet, with a stable code, the reason and the next step.

    InsourceError
    ├── UserError             the input or the request has to change
    │   ├── ConfigError       exit 2
    │   ├── DataError
    │   └── PrerequisiteError something is missing on this machine
    ├── ProviderError         a model, local or in the cloud, did not answer as it should
    ├── IntegrityError        something is not what it claims to be
    └── Interrupted           exit 130; what was complete is kept

Codes are slugs with a heading in ``docs/reference/errors.md``; a test keeps the two in step.
"""

from __future__ import annotations

from typing import ClassVar


class InsourceError(Exception):
    """What happened (``message``), and what to type next (``hint``).

    ``details`` are the lines between the two: the reason, the figures, the first few offenders.

    Examples:
        >>> from pathlib import Path
        >>> from insource import InsourceError, load
        >>> try:
        ...     load(Path("missing/insource.toml"))
        ... except InsourceError as error:
        ...     print(f"{error.code}. {error.hint}")
        no-config. Create one: insource init
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, message: str, *, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details

    def __reduce__(self) -> tuple[object, ...]:  # keyword-only arguments do not survive the default pickling
        return (_rebuild, (type(self), self.code, self.message, self.hint, self.details))


def _rebuild(
    cls: type[InsourceError], code: str, message: str, hint: str, details: tuple[str, ...]
) -> InsourceError:
    return cls(code, message, hint=hint, details=details)


class UserError(InsourceError):
    """The input or the request has to change."""


class ConfigError(UserError):
    """A key, a flag or a value is not valid."""

    exit_code = 2


class DataError(UserError):
    """The data cannot be used as it is."""


class PrerequisiteError(UserError):
    """Something this machine has to have is missing: an extra, disk space, a free port, the network."""


class ProviderError(InsourceError):
    """A model did not answer as it should."""


class IntegrityError(InsourceError):
    """A digest, a parity check or a count does not agree."""


class Interrupted(InsourceError):
    """Stopped by the user; the same command goes on where it stopped."""

    exit_code = 130


def missing_extra(feature: str, extra: str, module: str) -> PrerequisiteError:
    """The one error for an optional dependency that is not installed."""
    return PrerequisiteError(
        "missing-extra",
        f"{feature} needs the `{extra}` extra: the module `{module}` is not installed.",
        hint=f"Install it: pip install 'insource[{extra}]'",
    )
