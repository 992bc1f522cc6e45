"""What a routing policy was certified for: how callers asked, and what answered."""

from __future__ import annotations

from insource.types.base import Frozen


class Certified(Frozen):
    """The digests of what was measured when a policy was fitted; a live call is compared with them.

    ``prompts`` are those of the system messages; empty where each document brought its own. ``varying`` are
    those of system messages that were seen with several figures in the same words, such as a date, read
    without figures. ``schemas`` are those of the formats that callers may ask for; empty where no
    schema was given or seen. ``prompt_versions`` are the tags of the calls; empty where they had none.
    ``files`` are those of what answered, by name; empty for a run that did not keep them.
    """

    prompts: tuple[str, ...] = ()
    varying: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    prompt_versions: tuple[str, ...] = ()
    files: dict[str, str] = {}
