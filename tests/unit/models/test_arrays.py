"""Files of arrays from elsewhere: nothing in them runs, and a damaged one says so."""

import zipfile
import zlib

import numpy as np
import pytest

from insource.models import arrays
from insource.models.arrays import read_arrays

DAMAGED = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError)


def test_what_was_written_is_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", one=np.arange(5.0), two=np.array(["a", "ö"]))
    found = read_arrays(tmp_path / "a.npz")
    assert found.keys() == {"one", "two"}
    assert (found["one"].tolist(), found["two"].tolist()) == ([0, 1, 2, 3, 4], ["a", "ö"])


class Armed:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_an_object_in_it_is_not_unpickled(tmp_path):
    armed = np.empty(1, dtype=object)
    armed[0] = Armed(tmp_path / "fired")
    np.savez(tmp_path / "a.npz", armed=armed)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_arrays(tmp_path / "a.npz")
    assert not (tmp_path / "fired").exists()


def test_a_file_that_would_fill_the_memory_is_not_unpacked(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", zeros=np.zeros(100_000))
    monkeypatch.setattr(arrays, "MOST_BYTES", 700_000)
    with pytest.raises(ValueError, match="at most 700,000 are read"):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["cut", "changed"])
def test_a_damaged_file_says_so(tmp_path, share, kind):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, numbers=np.random.default_rng(0).normal(size=500))
    whole = path.read_bytes()
    at = int(share * len(whole))
    path.write_bytes(whole[:at] if kind == "cut" else whole[:at] + bytes(40) + whole[at + 40 :])
    with pytest.raises(DAMAGED):
        read_arrays(path)
