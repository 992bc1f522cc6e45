"""The errors that a user can see, each with a stable code, the reason and the next step.

    InsourceError
    ├── UserError             the input or the request must change
    │   ├── ConfigError       exit 2
    │   ├── DataError
    │   └── PrerequisiteError something is missing on this machine
    ├── ProviderError         a local or cloud model failed or returned an unusable answer
    ├── IntegrityError        a digest, a parity check or a count does not match
    └── Interrupted           exit 130; completed work is kept

Codes are slugs with a heading in ``docs/reference/errors.md``; a test compares the two.
"""

from __future__ import annotations

from typing import ClassVar


class InsourceError(Exception):
    """The base of all errors for users: what happened (``message``) and what to do next (``hint``).

    ``details`` are printed between the two: the reason, the figures, the first few offending items.

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
    """The input or the request must change."""


class ConfigError(UserError):
    """A configuration key, a flag or a value is not valid."""

    exit_code = 2


class DataError(UserError):
    """The data cannot be used as it is."""


class PrerequisiteError(UserError):
    """This machine lacks something required: an extra, disk space, a free port, the network."""


class ProviderError(InsourceError):
    """A model failed or returned an unusable answer."""


class IntegrityError(InsourceError):
    """A digest, a parity check or a count does not match."""


class Interrupted(InsourceError):
    """The user stopped the command; running the same command again continues where it stopped."""

    exit_code = 130


def missing_extra(feature: str, extra: str, module: str) -> PrerequisiteError:
    """Return the error for an optional dependency that is not installed (``missing-extra``)."""
    return PrerequisiteError(
        "missing-extra",
        f"{feature} needs the `{extra}` extra: the module `{module}` is not installed.",
        hint=f"Install it: pip install 'insource[{extra}]'",
    )
