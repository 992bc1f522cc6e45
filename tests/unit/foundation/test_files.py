"""The one durable write: whole or absent, in the right order, with the right permissions."""

import errno
import json
import os
import stat
import subprocess
import sys

import pytest

from insource.foundation import files
from insource.foundation.files import (
    is_alive,
    locked,
    replace_text,
    replacing,
    sync_folder,
    write_json,
    write_synced,
)


@pytest.fixture
def calls(monkeypatch):
    """What is synchronised and renamed, in order."""
    seen = []
    fsync, replace = os.fsync, files.Path.replace

    def traced_fsync(descriptor):
        seen.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def traced_replace(self, target):
        seen.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", traced_fsync)
    monkeypatch.setattr(files.Path, "replace", traced_replace)
    return seen


def test_the_content_is_on_the_disk_before_the_name_and_then_the_name_is(tmp_path, calls):
    replace_text(tmp_path / "a.txt", "new")
    assert calls == ["file", "rename", "folder"]


def test_what_is_renamed_later_is_synchronised_now(tmp_path, calls):
    write_synced(tmp_path / "a", b"bytes")
    write_json(tmp_path / "b.json", {"ü": 1})
    assert calls == ["file", "file"]
    assert (tmp_path / "a").read_bytes() == b"bytes"
    assert json.loads((tmp_path / "b.json").read_text("utf-8")) == {"ü": 1}


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt()])
def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half():
        with replacing(path) as file:
            file.write("half of the ne")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o002])
@pytest.mark.parametrize("there", [False, True])
def test_permissions_follow_the_umask_unless_they_are_given(tmp_path, umask, there):
    path, private, shared = tmp_path / "a.txt", tmp_path / "b.txt", tmp_path / "c.txt"
    if there:
        path.write_text("old")
    before = os.umask(umask)
    try:
        replace_text(path, "new")
        replace_text(private, "new", mode=0o600)
        replace_text(shared, "new", mode=0o644)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (path, private, shared)]
    assert modes == [0o666 & ~umask, 0o600, 0o644]


def test_line_ends_are_written_as_given(tmp_path):
    replace_text(tmp_path / "a.txt", "a\r\nb\n")
    assert (tmp_path / "a.txt").read_bytes() == b"a\r\nb\n"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EACCES])
def test_a_file_system_that_cannot_synchronise_a_folder_is_no_failure(tmp_path, monkeypatch, number):
    def cannot(folder):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "sync_folder", cannot)
    replace_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_disk_that_fails_is_one(tmp_path, monkeypatch):
    def fails(folder):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(files, "sync_folder", fails)
    with pytest.raises(OSError, match="Input/output error"):
        replace_text(tmp_path / "a.txt", "new")


def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path):
    path = tmp_path / "a[1].txt"
    code = (
        "import os, sys, pathlib; from insource.foundation.files import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as file:\n"
        "    file.write('half'); file.flush(); os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with replacing(path) as mine:
        mine.write("mine")
        replace_text(path, "another, while that one is written")
        assert path.read_text() == "another, while that one is written"
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_is_held_until_the_block_ends(tmp_path):
    lock = tmp_path / ".lock"
    with locked(lock), pytest.raises(BlockingIOError), locked(lock, wait=False):
        pass
    with locked(lock, wait=False):
        pass


def test_this_process_lives_and_a_finished_one_does_not():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    assert is_alive(os.getpid())
    assert not is_alive(done.pid)
    assert not is_alive(2**40)


def test_a_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "nowhere")
