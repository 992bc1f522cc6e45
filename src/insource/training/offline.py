"""Keep the training libraries from contacting other machines.

TRL reports every trainer that it makes, and Hugging Face's libraries ask their hub about models that are on
this machine. All of this is off: a base model is on this machine before it is trained. `insource models pull`
alone asks a hub, within ``hub_switched_on``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from insource.foundation.errors import PrerequisiteError

SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}

OFFLINE = "HF_HUB_OFFLINE"
# Whether this machine's owner switched the hub off, before this module did.
FORBIDDEN = os.environ.get(OFFLINE, "").upper() in ("1", "ON", "YES", "TRUE")


def stay_offline() -> None:
    """Switch off telemetry and every hub, in this process and in its children.

    ``huggingface_hub`` reads the environment when it is imported. If a program has imported it before, its
    constants are changed too.
    """
    os.environ |= SETTINGS
    _tell_the_library(offline=True)


def _tell_the_library(*, offline: bool) -> None:
    if (hub := sys.modules.get("huggingface_hub.constants")) is not None:
        vars(hub).update(HF_HUB_OFFLINE=offline, HF_HUB_DISABLE_TELEMETRY=True)


@contextmanager
def hub_switched_on() -> Iterator[None]:
    """Allow requests to a hub within the block; telemetry stays off.

    Raises:
        PrerequisiteError: ``hub-switched-off`` where ``HF_HUB_OFFLINE`` was set before Insource started.
    """
    if FORBIDDEN:
        raise PrerequisiteError(
            "hub-switched-off",
            f"{OFFLINE} is set, so no hub is asked.",
            hint=f"Unset it for this command: {OFFLINE}=0 insource models pull NAME",
        )
    stay_offline()
    os.environ[OFFLINE] = "0"
    _tell_the_library(offline=False)
    try:
        yield
    finally:
        stay_offline()
