"""Load ``insource.toml``. An error for an unknown key suggests the closest known key.

Precedence, highest first: command-line flag, environment (``INSOURCE_TRAINING__EPOCHS``), file, default.
Secrets come from the environment only.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from insource.config.sections import Config
from insource.foundation.errors import ConfigError, UserError
from insource.types import Frozen

FILE_NAME = "insource.toml"
ENVIRONMENT_PREFIX = "INSOURCE_"
Origin = Literal["flag", "environment", "file", "default"]


class LoadedConfig(Frozen):
    """A configuration, the folder that its paths are relative to, and the origin of every key."""

    config: Config
    folder: Path
    origins: dict[str, Origin]


def load(path: Path, flags: Mapping[str, Any] | None = None, *, or_defaults: bool = False) -> LoadedConfig:
    r"""Read ``insource.toml``, then apply the environment and the flags (``{"training.epochs": 3}``).

    With ``or_defaults``, a missing file counts as an empty one.

    Raises:
        UserError: ``no-config`` when the file does not exist.
        ConfigError: ``config-invalid``, with every wrong key or value and what is expected.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from insource import load
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "insource.toml")
        ...     _ = path.write_text('[task]\nname = "specs"\n')
        ...     loaded = load(path, {"training.epochs": 3})
        >>> loaded.config.task.name, loaded.config.training.epochs
        ('specs', 3.0)
        >>> loaded.origins
        {'task.name': 'file', 'training.epochs': 'flag'}
    """
    if path.is_file():
        values = _read(path)
    elif or_defaults:
        values = {}
    else:
        raise UserError(
            "no-config",
            f"There is no {path.name} in {path.resolve().parent}.",
            hint="Create one: insource init",
        )
    origins: dict[str, Origin] = {
        f"{section}.{key}": "file"
        for section, keys in values.items()
        if isinstance(keys, dict)
        for key in keys
    }
    for key, text in _environment():
        _put(values, key, text)
        origins[key] = "environment"
    for key, value in (flags or {}).items():
        if value is not None:
            _put(values, key, value)
            origins[key] = "flag"
    return LoadedConfig(config=validate(values, str(path)), folder=path.resolve().parent, origins=origins)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            "config-invalid",
            f"{path} is not valid TOML: {error}.",
            hint="Fix the line and run the command again.",
        ) from error


def validate(values: Mapping[str, Any], source: str) -> Config:
    """Validate a mapping as a configuration. One error lists every wrong key."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        problems = tuple(_explain(item) for item in error.errors())
        raise ConfigError(
            "config-invalid",
            f"{source} has {len(problems)} wrong {'entry' if len(problems) == 1 else 'entries'}.",
            details=problems,
            hint="Fix them. List every key with `insource config show`.",
        ) from error


def keys() -> dict[str, Any]:
    """Return every key (``training.epochs``) with its pydantic field, in file order."""
    found: dict[str, Any] = {}
    for section, field in Config.model_fields.items():
        model, place = field.annotation, section
        if get_origin(model) is dict:  # a table of named sections, such as [upstreams.NAME]
            model, place = get_args(model)[1], f"{section}.<name>"
        found |= _keys_of(place, model)
    return found


def _keys_of(place: str, model: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        key = f"{place}.{field.alias or name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, Frozen):
            found |= _keys_of(key, field.annotation)
        else:
            found[key] = field
    return found


def values(loaded: LoadedConfig) -> dict[str, tuple[Any, Origin]]:
    """Return every key with its effective value and its origin, in file order."""
    found: dict[str, tuple[Any, Origin]] = {}
    for section, held in loaded.config.model_dump(mode="json", by_alias=True).items():
        for key, value in held.items():
            name = f"{section}.{key}"
            origin = loaded.origins.get(name, "default")
            table = isinstance(value, dict) and f"{name}.{next(iter(value), '')}" in keys()
            if table or get_origin(Config.model_fields[section].annotation) is dict:
                found |= {f"{name}.{inner}": (one, origin) for inner, one in value.items()}
            else:
                found[name] = (value, origin)
    return found


def _environment() -> list[tuple[str, Any]]:
    """Return the keys set as ``INSOURCE_SECTION__KEY``. Valid JSON is parsed; other values are text."""
    found = []
    for name, text in sorted(os.environ.items()):
        section, separator, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if name.startswith(ENVIRONMENT_PREFIX) and separator:
            try:
                value = json.loads(text)
            except ValueError:
                value = text
            found.append((f"{section}.{key}", value))
    return found


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    section, _, name = key.partition(".")
    keys_of_section = values.setdefault(section, {})
    if isinstance(keys_of_section, dict):  # validation reports anything else
        keys_of_section[name] = value


NOT_SHOWN = "not_shown"
"""The type of an error whose value may hold a secret."""


def _explain(item: ErrorDetails) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] != "extra_forbidden":
        expected = item["msg"][0].lower() + item["msg"][1:]
        return (
            f"{where}: {expected}"
            if item["type"] == NOT_SHOWN
            else f"{where} = {item['input']!r}: {expected}"
        )
    # Two keys of one section share its name, which raises their similarity: ask for more.
    known, cutoff = (list(keys()), 0.75) if len(item["loc"]) > 1 else (list(Config.model_fields), 0.5)
    close = difflib.get_close_matches(where, known, n=1, cutoff=cutoff)
    return f"{where}: unknown key" + (f"; did you mean {close[0]}?" if close else "")


def allowed_values(annotation: Any) -> tuple[str, ...]:
    """Return the values of a ``Literal`` key, for the reference page. Empty for other types."""
    return tuple(str(value) for value in get_args(annotation) if isinstance(value, str))
