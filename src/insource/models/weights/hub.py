"""Download a model from a hub into the cache: only the files that are read, of one pinned commit.

Nothing else in Insource asks a hub; `insource models pull` calls this. The address is ``HF_ENDPOINT``, the
access token ``HF_TOKEN``, both as ``huggingface_hub`` reads them.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from insource.foundation.canonical import file_digest
from insource.foundation.errors import IntegrityError, PrerequisiteError, UserError, missing_extra
from insource.models.weights.folder import PICKLES, READ
from insource.models.weights.wheel import cache_dir, require_disk_space

NAME = re.compile(r"(?P<repository>[\w-][\w.-]*/[\w-][\w.-]*)(?:@(?P<revision>[\w-][\w./-]*))?")
CARD = "README.md"
MAIN = "main"


class Repository(NamedTuple):
    """A repository on a hub and the revision asked for: a branch, a tag or a commit."""

    name: str
    revision: str

    @property
    def folder(self) -> Path:
        """Where its commits lie in the cache."""
        return cache_dir() / "hub" / self.name.replace("/", "--")

    @property
    def pin(self) -> Path:
        """The file that holds the commit which this revision was when it was pulled."""
        return self.folder / "revisions" / self.revision.replace("/", "--")

    @property
    def pulled(self) -> Path | None:
        """The folder of the pulled commit, None before it is pulled."""
        if not self.pin.is_file():
            return None
        folder = self.folder / self.pin.read_text(encoding="utf-8").strip()
        return folder if (folder / "config.json").is_file() else None


def repository(name: str) -> Repository:
    """Return the repository of ``org/name[@revision]``.

    Raises:
        UserError: ``model-unknown`` for a name of another form.
    """
    found = NAME.fullmatch(name)
    if found is None or ".." in name:
        raise UserError(
            "model-unknown",
            f"`hf/{name}` names no repository.",
            hint="Write `hf/org/name` or `hf/org/name@revision`; a folder of yours as `hf/./path/to/folder`.",
        )
    return Repository(found["repository"], found["revision"] or MAIN)


def pull(wanted: Repository, *, allow_pickles: bool = False) -> Path:
    """Download one commit, check it, and return its folder; a pulled commit is not downloaded again.

    Raises:
        PrerequisiteError: ``missing-extra``, ``hub-unreachable``, ``model-gated``, ``disk-full``.
        UserError: ``model-not-found``; ``pickled-weights`` without safetensors.
        IntegrityError: ``checksum-mismatch``; nothing is kept.
    """
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise missing_extra("Pulling a model from a hub", "train", "huggingface_hub") from error
    found = _asked(
        wanted, lambda: HfApi().model_info(wanted.name, revision=wanted.revision, files_metadata=True)
    )
    commit = str(found.sha)
    if not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        raise _unreachable(wanted, f"it names the commit {commit[:80]!r}")
    folder = wanted.folder / commit
    if not (folder / "config.json").is_file():
        _download(wanted, commit, found.siblings or (), folder, allow_pickles=allow_pickles)
    wanted.pin.parent.mkdir(parents=True, exist_ok=True)
    wanted.pin.write_text(commit, encoding="utf-8")
    return folder


def _download(wanted: Repository, commit: str, siblings: Any, folder: Path, *, allow_pickles: bool) -> None:
    from huggingface_hub import snapshot_download

    patterns = [*READ, "*.safetensors.index.json", CARD]
    names = [file.rfilename for file in siblings]
    if not any(name.endswith(".safetensors") for name in names):
        if not allow_pickles:
            raise _pickles(wanted, [name for name in names if Path(name).match("*.bin")])
        patterns += PICKLES
    size = sum(file.size or 0 for file in siblings if any(Path(file.rfilename).match(p) for p in patterns))
    folder.parent.mkdir(parents=True, exist_ok=True)
    require_disk_space(folder.parent, size + 50_000_000, f"The model {wanted.name}")
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".pull-"))
    try:
        _asked(
            wanted,
            lambda: snapshot_download(
                wanted.name, revision=commit, allow_patterns=patterns, local_dir=scratch
            ),
        )
        shutil.rmtree(scratch / ".cache", ignore_errors=True)  # the library's own notes
        _check(scratch, siblings)
        (scratch / "pulled.json").write_text(
            json.dumps({"repository": wanted.name, "revision": wanted.revision, "commit": commit})
        )
        scratch.rename(folder)  # atomic: the folder is complete and checked, or absent
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _check(folder: Path, siblings: Any) -> None:
    """Check every file of weights against the sha256 that the hub states for it."""
    for file in siblings:
        path = folder / file.rfilename
        stated = file.lfs.sha256 if file.lfs else None
        if path.is_file() and stated and file_digest(path) != stated:
            raise IntegrityError(
                "checksum-mismatch",
                f"The downloaded {file.rfilename} does not have the sha256 that the hub states.",
                details=("Nothing was kept.",),
                hint="Run the command again; if it happens again, ask whoever runs the hub or the proxy.",
            )


def _asked(wanted: Repository, call: Any) -> Any:
    """Return what the hub answers, its errors in words."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return call()
    except GatedRepoError as error:
        raise PrerequisiteError(
            "model-gated",
            f"Access to {wanted.name} has to be asked for.",
            hint="Accept its terms on its page on the hub, then set HF_TOKEN and run the command again.",
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise UserError(
            "model-not-found",
            f"The hub has no {wanted.name} at the revision `{wanted.revision}`, or keeps it private.",
            hint="Check the name; for a private repository set HF_TOKEN.",
        ) from error
    except (HfHubHTTPError, OSError, ValueError, TypeError, KeyError) as error:
        raise _unreachable(
            wanted, str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        ) from error
    except Exception as error:  # the library's HTTP client has errors of its own
        if type(error).__module__.startswith(("httpx", "httpcore", "huggingface_hub")):
            raise _unreachable(wanted, str(error)[:200]) from error
        raise


def _unreachable(wanted: Repository, reason: str) -> PrerequisiteError:
    return PrerequisiteError(
        "hub-unreachable",
        f"{wanted.name} could not be fetched: {reason}",
        hint="Connect to the hub (or set HF_ENDPOINT to your mirror) and run the command again, or copy the\n"
        "      folder from another machine and use it as `hf/./path/to/folder`.",
    )


def _pickles(wanted: Repository, names: list[str]) -> UserError:
    return UserError(
        "pickled-weights",
        f"{wanted.name} has no safetensors files"
        + (
            f", only pickles ({', '.join(names[:3])}), which can run code when they are read."
            if names
            else "."
        ),
        hint="Use a release with safetensors files. If you trust the source:\n"
        f"      insource models pull hf/{wanted.name} --allow-pickles",
    )
