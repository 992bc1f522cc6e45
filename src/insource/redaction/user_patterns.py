"""The user's regular expressions from ``[log] patterns``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from insource.foundation.errors import ConfigError
from insource.redaction.rules import RedactionRule, compiled

_NAMED = re.compile(r"([a-z][a-z0-9_-]*)=(.+)", re.DOTALL)
_UNNAMED = "pattern"


def user_rules(patterns: Sequence[str]) -> tuple[RedactionRule, ...]:
    """Return one rule per pattern; ``customer=CUST-\\d+`` is named and becomes ``[customer:kfbhnqdt]``.

    Raises:
        ConfigError: ``config-invalid``, listing every invalid pattern with the reason.
    """
    rules, problems = [], []
    for written in patterns:
        named = _NAMED.fullmatch(written)
        name, pattern = named.groups() if named else (_UNNAMED, written)
        try:
            empty = compiled(pattern).search(b"") is not None
        except ValueError as error:
            problems.append(f"log.patterns: {written!r}: {error}")
            continue
        if empty:
            problems.append(
                f"log.patterns: {written!r}: matches the empty text, so it would match everywhere"
            )
        rules.append(RedactionRule(name, pattern, normal=bytes.strip, whole=True))
    if problems:
        raise ConfigError(
            "config-invalid",
            f"{len(problems)} of the patterns in [log] cannot be used.",
            details=tuple(problems),
            hint="Use RE2 syntax (https://github.com/google/re2/wiki/Syntax): no look-around, no \\1.",
        )
    return tuple(rules)
