"""The same value becomes the same pseudonym, in a request, in its answer and in every call of a store.

A pseudonym is a keyed hash: without the key nobody can try out which e-mail address it was. The key lies
beside the store, for its owner alone; deleting it makes old pseudonyms impossible to link to new ones.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from pathlib import Path

from insource.foundation.errors import PrerequisiteError
from insource.foundation.files import sync

KEY_FILE = "pseudonym.key"
_KEY_BYTES = 32
_LETTERS = 8  # of 16, so 32 bits: even odds of two values sharing a pseudonym come with 77,000 values
# No digits, so that no rule takes a pseudonym for a number, and no vowels, so that it is no word.
_ALPHABET = bytes.maketrans(b"0123456789abcdef", b"bcdfghjklmnpqrst")


class Pseudonyms:
    """Names values by HMAC-SHA256 (RFC 2104)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of(cls, root: Path) -> Pseudonyms:
        """With the key of this folder, made on first use; of several processes, one makes it.

        Raises:
            PrerequisiteError: ``pseudonym-key-unusable`` when it can be neither read nor made.
        """
        path = root / KEY_FILE
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                _make(path)
            key = bytes.fromhex(path.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise _unusable(path, str(error)) from error
        if len(key) != _KEY_BYTES:
            raise _unusable(path, f"it has {len(key)} bytes, not {_KEY_BYTES}")
        return cls(key)

    def name(self, kind: str, value: bytes) -> bytes:
        """``[email:kfbhnqdt]``"""
        digest = hmac.digest(self._key, kind.encode() + b"\0" + value, "sha256").hex().encode()
        return b"[%s:%s]" % (kind.encode(), digest[:_LETTERS].translate(_ALPHABET))


def _make(path: Path) -> None:
    """Written whole under another name and linked, so that nobody reads half a key or replaces one."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(fd, "w", encoding="ascii") as file:  # noqa: PTH123 # the descriptor carries the mode
            file.write(secrets.token_hex(_KEY_BYTES))
            sync(file)
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.link(draft, path)
    finally:
        draft.unlink()


def _unusable(path: Path, reason: str) -> PrerequisiteError:
    return PrerequisiteError(
        "pseudonym-key-unusable",
        f"The key of the pseudonyms, {path}, cannot be used: {reason}.",
        hint=f"Restore it from a backup, or start new pseudonyms: mv {path} {path}.old",
    )
