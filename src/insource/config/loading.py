"""Reading `insource.toml`: a misspelling is answered with the right spelling.

A value comes from, in this order: a command-line flag, the environment
(``INSOURCE_TRAINING__EPOCHS``), the file, the default. Secrets come from the environment only.
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
    """A configuration with the folder its paths are relative to and the origin of every key."""

    config: Config
    folder: Path
    origins: dict[str, Origin]


def load(path: Path, flags: Mapping[str, Any] | None = None, *, or_defaults: bool = False) -> LoadedConfig:
    """Read ``insource.toml`` and lay environment and flags (``{"training.epochs": 3}``) over it.

    ``or_defaults`` is for what works without a project: a file that is not there is then an empty one.

    Raises:
        UserError: ``no-config`` when the file is not there.
        ConfigError: ``config-invalid`` with every wrong key or value and what it should be.
    """
    if path.is_file():
        values = _read(path)
    elif or_defaults:
        values = {}
    else:
        raise UserError(
            "no-config",
            f"There is no {path.name} in {path.resolve().parent}.",
            hint="Write one: insource init",
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
            "config-invalid", f"{path} is not valid TOML: {error}.", hint="Correct the line and run again."
        ) from error


def validate(values: Mapping[str, Any], source: str) -> Config:
    """The configuration of a mapping, or one error that names every wrong key."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        problems = tuple(_explain(item) for item in error.errors())
        raise ConfigError(
            "config-invalid",
            f"{source} has {len(problems)} wrong {'entry' if len(problems) == 1 else 'entries'}.",
            details=problems,
            hint="Correct them, or see every key with `insource config show`.",
        ) from error


def keys() -> dict[str, Any]:
    """Every key (``training.epochs``) with its pydantic field, in file order."""
    found: dict[str, Any] = {}
    for section, field in Config.model_fields.items():
        model, place = field.annotation, section
        if get_origin(model) is dict:  # a table of sections, each with a name of its own
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
    """Every key with its value in force and where that comes from, in file order."""
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
    """Keys set as ``INSOURCE_SECTION__KEY``; values are JSON where they parse, else text."""
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
    if isinstance(keys_of_section, dict):  # anything else is left for validation to name
        keys_of_section[name] = value


def _explain(item: ErrorDetails) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] != "extra_forbidden":
        expected = item["msg"][0].lower() + item["msg"][1:]
        return f"{where} = {item['input']!r}: {expected}"
    # The section is spelled right in a key's name and makes any two of its keys look alike.
    known, cutoff = (list(keys()), 0.75) if len(item["loc"]) > 1 else (list(Config.model_fields), 0.5)
    close = difflib.get_close_matches(where, known, n=1, cutoff=cutoff)
    return f"{where}: unknown key" + (f"; did you mean {close[0]}?" if close else "")


def allowed_values(annotation: Any) -> tuple[str, ...]:
    """The spellings of a ``Literal`` key, for the reference page; empty for other types."""
    return tuple(str(value) for value in get_args(annotation) if isinstance(value, str))
