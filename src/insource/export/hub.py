"""Upload a finished export to a model hub; only when a person asks for it by name."""

from __future__ import annotations

import os
from pathlib import Path

from insource.foundation.errors import PrerequisiteError, ProviderError, UserError
from insource.models.transport import Privacy, require_allowed
from insource.training.offline import hub_switched_on

ENDPOINT = "https://huggingface.co"


def require_uploadable(repository: str, *, privacy: Privacy) -> tuple[str, str]:
    """Return the hub's address and the token, before work is done whose result could not be uploaded.

    The hub is ``HF_ENDPOINT``, else the Hugging Face Hub; the token is ``HF_TOKEN``, else the one that
    ``hf auth login`` kept. Nothing is sent.

    Raises:
        UserError: ``local-only``: a model holds its training rows in a form from which parts can be read
            back. ``hub-name``.
        PrerequisiteError: ``hub-key`` without a token; ``hub-switched-off``.
    """
    endpoint = os.environ.get("HF_ENDPOINT") or ENDPOINT
    require_allowed(endpoint, privacy)
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise UserError(
            "hub-name",
            f"`{repository}` is no repository of a hub.",
            hint="Name it as owner/name: --hub me/my-model",
        )
    from huggingface_hub import get_token

    if not (token := os.environ.get("HF_TOKEN") or get_token()):
        raise PrerequisiteError(
            "hub-key",
            "There is no token for the hub.",
            hint="Set HF_TOKEN to a token that may write, or run: hf auth login",
        )
    with hub_switched_on():
        return endpoint, token


def upload(folder: Path, repository: str, *, privacy: Privacy, public: bool = False) -> str:
    """Upload every file of ``folder`` to the repository ``owner/name`` in one commit; return its address.

    A new repository is private unless ``public``. One that is there keeps its visibility: a public one takes
    nothing unless ``public``.

    Raises:
        UserError, PrerequisiteError: as ``require_uploadable``; ``hub-public``. No file was sent.
        ProviderError: ``hub-failed``; a commit is complete or absent.
    """
    endpoint, token = require_uploadable(repository, privacy=privacy)
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    hub = HfApi(endpoint=endpoint, token=token, library_name="insource")
    try:
        with hub_switched_on():
            hub.create_repo(repository, private=not public, exist_ok=True)
            if not public and not hub.repo_info(repository).private:
                raise _public(repository)
            done = hub.upload_folder(
                repo_id=repository, folder_path=folder, commit_message="Export by Insource"
            )
    except (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError) as error:
        raise ProviderError(
            "hub-failed",
            f"The hub at {endpoint} did not take the upload: {str(error).strip().splitlines()[0]}",
            hint=f"Check the token and the name. The files are in {folder}; upload them with:\n"
            f"      hf upload {repository} {folder}{'' if public else ' --private'}",
        ) from error
    return str(done.repo_url)


def _public(repository: str) -> UserError:
    return UserError(
        "hub-public",
        f"The repository {repository} is there already and public; nothing was uploaded.",
        hint="Name another repository, make this one private on its page, or add --public.",
    )
