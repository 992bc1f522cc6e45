"""Export the chosen model as a package that answers without Insource."""

from __future__ import annotations

from pathlib import Path

from insource.export.package.write import Packaged, package_name, write_package
from insource.foundation.errors import UserError
from insource.runs.result import load
from insource.workflow.serve import deployed
from insource.workflow.session import Session


def can_package(session: Session, run: str | None = None) -> bool:
    """Return whether the newest run, or ``run``, chose a model that can be a package of its own."""
    try:
        result, _ = load(session.project.runs, run)
    except UserError:
        if run is not None:
            raise
        return False
    return result.served is not None and result.served.kind == "fitted"


def only_served(session: Session) -> str:
    """Return the model that the newest run chose if it can be served and not exported, else an empty text."""
    try:
        served = load(session.project.runs, None)[0].served
    except UserError:
        return ""
    return served.model if served is not None and served.kind in ("prompted", "hybrid", "staged") else ""


def package_model(session: Session, run: str | None = None, folder: Path | None = None) -> Packaged:
    """Write the package of the model that the newest run, or ``run``, chose.

    ``folder`` is a folder named after the task, beside the configuration, unless it is given.

    Raises:
        UserError: ``nothing-to-package``, and as ``deployed`` and ``write_package``.
    """
    found = deployed(session, run)
    if found.folder is None:
        raise UserError(
            "nothing-to-package",
            f"{found.result.run_id} chose {found.name}, which is no single fitted model.",
            hint="Serve it instead: insource serve. The tuned model: insource export --adapter",
        )
    name = package_name(found.result.task).replace("_", "-")
    return write_package(found.result, found.folder, folder or session.project.folder / name)
