"""Stable pseudonyms: the same value gets the same pseudonym in every call of a store.

A pseudonym is a keyed hash, so nobody can test candidate values without the key. The key file lies beside the
store and is readable by its owner only. Deleting it means that old pseudonyms can no longer be linked to new
ones.
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
_LETTERS = 8  # from an alphabet of 16, so 32 bits: a collision has even odds at 77,000 values
# No digits, so that no rule matches a pseudonym as a number; no vowels, so that it is not a word.
_ALPHABET = bytes.maketrans(b"0123456789abcdef", b"bcdfghjklmnpqrst")


class Pseudonyms:
    """Maps values to pseudonyms with HMAC-SHA256 (RFC 2104)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of(cls, root: Path) -> Pseudonyms:
        """Load the key of this folder; create it on first use. Concurrent processes get the same key.

        Raises:
            PrerequisiteError: ``pseudonym-key-unusable`` when it can be neither read nor created.
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
        """Return the pseudonym of a value, such as ``[email:kfbhnqdt]``."""
        digest = hmac.digest(self._key, kind.encode() + b"\0" + value, "sha256").hex().encode()
        return b"[%s:%s]" % (kind.encode(), digest[:_LETTERS].translate(_ALPHABET))


def _make(path: Path) -> None:
    """Write the key under a temporary name and link it, so that no process reads half a key
    or replaces one.
    """
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
        f"The pseudonym key {path} cannot be used: {reason}.",
        hint=f"Restore it from a backup, or start with a new key: mv {path} {path}.old",
    )
