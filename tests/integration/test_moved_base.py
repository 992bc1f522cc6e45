"""A base model whose folder is moved: what was unpacked of it links to files that are gone."""

import pytest
from support.tiny_models import tiny_model

from insource.models.catalogue import resolve
from insource.training.base import load_model, unpacked

pytestmark = pytest.mark.model


def test_a_moved_folder_is_unpacked_anew(tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    folder = tiny_model(tmp_path / "here", "llama", dtype="float32")
    before = resolve(f"hf/{folder}")
    kept = unpacked(before)
    moved = folder.rename(tmp_path / "there")
    after = resolve(f"hf/{moved}")
    assert after.digest == before.digest
    assert unpacked(after) != kept  # links of the old place lead nowhere
    assert load_model(after, torch.float32).num_parameters() > 0
