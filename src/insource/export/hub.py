"""Upload a finished export to a model hub; only when a person asks for it by name."""

from __future__ import annotations

import os
from pathlib import Path

from insource.foundation.errors import PrerequisiteError, ProviderError, UserError
from insource.models.transport import Privacy, require_allowed
from insource.training.offline import hub_switched_on

ENDPOINT = "https://huggingface.co"


def upload(folder: Path, repository: str, *, privacy: Privacy, public: bool = False) -> str:
    """Upload every file of ``folder`` to the repository ``owner/name`` in one commit; return its address.

    The repository is made private unless ``public``. The hub is ``HF_ENDPOINT``, else the Hugging Face Hub;
    the token is ``HF_TOKEN``, else the one that ``hf auth login`` kept.

    Raises:
        UserError: ``local-only``, before anything is sent: a model holds its training rows in a form from
            which parts can be read back. ``hub-name``.
        PrerequisiteError: ``hub-key`` without a token; ``hub-switched-off``.
        ProviderError: ``hub-failed``; a commit is complete or absent.
    """
    endpoint = os.environ.get("HF_ENDPOINT") or ENDPOINT
    require_allowed(endpoint, privacy)
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise UserError(
            "hub-name",
            f"`{repository}` is no repository of a hub.",
            hint="Name it as owner/name: --hub me/my-model",
        )
    import httpx2
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError

    if not (token := os.environ.get("HF_TOKEN") or get_token()):
        raise PrerequisiteError(
            "hub-key",
            "There is no token for the hub.",
            hint="Set HF_TOKEN to a token that may write, or run: hf auth login",
        )
    hub = HfApi(endpoint=endpoint, token=token, library_name="insource")
    try:
        with hub_switched_on():
            hub.create_repo(repository, private=not public, exist_ok=True)
            done = hub.upload_folder(
                repo_id=repository, folder_path=folder, commit_message="Export by Insource"
            )
    except (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError) as error:
        raise ProviderError(
            "hub-failed",
            f"The hub at {endpoint} did not take the upload: {str(error).strip().splitlines()[0]}",
            hint=f"Check the token and the name, then upload again; the files are in {folder}.",
        ) from error
    return str(done.repo_url)
