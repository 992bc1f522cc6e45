"""A prompt in a folder: read back it answers the same, damaged it says so."""

import pytest
from support.prompted import Copying, prompt_of, shots_of

from insource.foundation.errors import DataError
from insource.models.prompting.folder import FILE, load, save
from insource.models.prompting.index import CharacterIndex
from insource.models.prompting.lookup import Examples, Knowledge
from insource.models.prompting.model import PromptedModel, Prompting
from insource.models.prompting.prompt import Passage
from insource.models.protocol import Request

TEXTS = ["the pump leaks", "an invoice is wrong", "the parcel is late"]


def made(task):
    prompt = prompt_of(task, examples="retrieved", shots=2, passages=1)
    passages = tuple(Passage(source="f.md", text=text) for text in TEXTS)
    indices = (CharacterIndex.of(TEXTS), CharacterIndex.of(TEXTS))
    return Prompting(
        prompt, Examples(shots_of(TEXTS), CharacterIndex.of(TEXTS)), Knowledge(passages, indices)
    )


def test_a_prompt_read_back_asks_the_same(example_task, tmp_path):
    save(made(example_task), tmp_path)
    request = Request(messages=example_task.messages("a late parcel"), max_tokens=1)
    model = Copying()
    first, second = (
        PromptedModel(model, prompting, model.count_tokens).shown(request)
        for prompting in (made(example_task), load(tmp_path))
    )
    assert first == second
    assert len(first.shots) == 2


def test_a_folder_holds_json_and_arrays_alone(example_task, tmp_path):
    save(made(example_task), tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npz"}


@pytest.mark.parametrize("file", [FILE, "examples.json", "examples.npz", "passages.json", "passages-0.npz"])
@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"schema_version": 9}', b"PK\x03\x04"])
def test_a_damaged_file_is_named(example_task, tmp_path, file, content):
    save(made(example_task), tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert caught.value.code == "prompt-unreadable"
    assert caught.value.hint


@pytest.mark.parametrize("file", [FILE, "examples.json", "examples.npz", "passages.json"])
def test_a_missing_file_is_an_error(example_task, tmp_path, file):
    save(made(example_task), tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(DataError):
        load(tmp_path)
