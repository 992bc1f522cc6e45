"""Read and write a prompt with what it shows: JSON and arrays in one folder."""

from __future__ import annotations

import json
from pathlib import Path

from insource.foundation.errors import DataError, InsourceError
from insource.foundation.files import write_json
from insource.models.prompting.index import load_index
from insource.models.prompting.lookup import Examples, Knowledge
from insource.models.prompting.model import Prompting
from insource.models.prompting.prompt import Passage, Prompt, Shot

FILE = "prompt.json"
SCHEMA_VERSION = 1
SHOTS, SHOTS_INDEX = "examples.json", "examples.npz"
PASSAGES, PASSAGES_INDEX = "passages.json", "passages-{}.npz"


def save(prompting: Prompting, folder: Path) -> None:
    """Write a prompt into a folder. ``FILE`` comes last, so a folder without it is incomplete."""
    folder.mkdir(parents=True, exist_ok=True)
    prompt, examples, knowledge = prompting
    write_json(folder / SHOTS, [shot.model_dump(mode="json") for shot in examples.shots])
    if examples.index is not None:
        examples.index.save(folder / SHOTS_INDEX)
    if knowledge is not None:
        write_json(folder / PASSAGES, [passage.model_dump(mode="json") for passage in knowledge.passages])
        for place, index in enumerate(knowledge.indices):
            index.save(folder / PASSAGES_INDEX.format(place))
    write_json(folder / FILE, {"schema_version": SCHEMA_VERSION, "prompt": prompt.model_dump(mode="json")})


def load(folder: Path) -> Prompting:
    """Read a prompt.

    Raises:
        DataError: ``prompt-unreadable`` when files are missing, damaged, or of a later version.
    """
    try:
        head = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if head["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"it has version {head['schema_version']}, and this is {SCHEMA_VERSION}")
        prompt = Prompt.model_validate(head["prompt"])
        shots = [Shot.model_validate(shot) for shot in json.loads((folder / SHOTS).read_bytes())]
        retrieved = prompt.examples == "retrieved" and shots
        index = load_index(folder / SHOTS_INDEX) if retrieved else None
        return Prompting(prompt, Examples(shots, index), _knowledge(folder) if prompt.passages else None)
    except InsourceError:
        raise  # an extra is missing
    except Exception as error:  # whatever a damaged file makes of it
        raise DataError(
            "prompt-unreadable",
            f"The prompt in {folder} cannot be read: {error}",
            hint="Make it again: insource evaluate",
        ) from error


def _knowledge(folder: Path) -> Knowledge:
    passages = [Passage.model_validate(one) for one in json.loads((folder / PASSAGES).read_bytes())]
    written = sorted(folder.glob(PASSAGES_INDEX.format("*")))
    if not written:
        raise ValueError("it has passages without an index")
    return Knowledge(tuple(passages), tuple(load_index(path) for path in written))
