"""Write a bound down before the calibration split is read, and say how a later one is corrected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from insource.config.routing import RoutingSection
from insource.dataset.rows.examples import sealed
from insource.foundation import canonical
from insource.foundation.clock import iso
from insource.foundation.errors import DataError
from insource.foundation.files import replace_text
from insource.routing.bounds.frontier import BOUNDS
from insource.store.looks import INPUT_BYTES
from insource.types import Dataset, Example, Frozen
from insource.workflow.session import Session

FOLDER = "bounds"
SHOWN = 5


class RegisteredBound(Frozen):
    """The terms of a bound, and the documents it was calibrated on; ``number`` counts up in a project."""

    terms: dict[str, Any]
    documents: tuple[str, ...]
    number: int
    registered_at: str


def choices_of(session: Session, examples: Sequence[Example]) -> int:
    """Register the configured bound for these calibration documents; return how many it was picked from.

    That is 1 for the bound that was registered first: nobody had seen an outcome of these documents. A later
    one with other terms may have been picked after seeing a frontier, so it counts as one of all points of
    the frontiers that were shown. A document that was calibrated on before is not fresh, whatever came since.

    Raises:
        DataError: ``registration-changed`` when a kept registration was cut or edited.
    """
    terms = _terms(session.config.routing)
    ids = _inputs(examples)
    # By their number and not by their time: a clock may jump.
    every = sorted(_registered(session), key=lambda one: one.number)
    before = [one for one in every if ids & set(one.documents)]
    if not any(one.terms == terms and ids == set(one.documents) for one in before):
        now = iso(session.clock.now())
        found = RegisteredBound(
            terms=terms, documents=tuple(sorted(ids)), number=len(every), registered_at=now
        )
        _register(session, found)
    if not before or before[0].terms == terms:
        return 1
    shown = {canonical.dumps(_family(one)) for one in (terms, *(one.terms for one in before))}
    return len(BOUNDS) * len(shown)


def never_trained_on(session: Session, dataset: Dataset, examples: Sequence[Example]) -> tuple[Example, ...]:
    """Return the calibration documents whose text is in no training row, and say which are left out.

    A build of the dataset drops such documents. A model is surer and more often right on what it learned, so
    a bound that they certify would not hold for others.
    """
    trained = _inputs(dataset.splits["train"])
    seen = [bool(_inputs([one]) & trained) for one in examples]
    left_out = [one.row_id for one, known in zip(examples, seen, strict=True) if known]
    if left_out:
        session.display.note(
            f"{len(left_out)} calibration documents are training documents, too, and certify nothing: "
            f"{', '.join(left_out[:SHOWN])}{', …' if len(left_out) > SHOWN else ''}"
        )
    return tuple(one for one, known in zip(examples, seen, strict=True) if not known)


def _inputs(examples: Sequence[Example]) -> set[str]:
    documents = sealed(examples)[1]
    return {documents[at : at + INPUT_BYTES].hex() for at in range(0, len(documents), INPUT_BYTES)}


def _terms(section: RoutingSection) -> dict[str, Any]:
    weights = section.weights if section.loss == "weighted" else {}
    return {
        "loss": section.loss,
        "unit": section.unit,
        "weights": dict(sorted(weights.items())),
        "max_error": section.max_error,
        "delta": section.delta,
    }


def _family(terms: dict[str, Any]) -> dict[str, Any]:
    """Return the terms without the bound: a frontier shows all bounds of a family."""
    return {key: value for key, value in terms.items() if key != "max_error"}


def _register(session: Session, bound: RegisteredBound) -> None:
    folder = session.project.workspace / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    content = bound.model_dump(mode="json")
    digest = canonical.digest(content)
    replace_text(folder / f"{digest[:16]}.json", canonical.dumps({"bound": content, "sha256": digest}) + "\n")


def _registered(session: Session) -> Iterator[RegisteredBound]:
    for path in sorted((session.project.workspace / FOLDER).glob("*.json")):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if canonical.digest(found["bound"]) != found["sha256"]:
                raise ValueError("the digest is another one")
            bound = RegisteredBound.model_validate(found["bound"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                "registration-changed",
                f"The bound that was registered in {path} is not what was written: {error}",
                hint="Restore the file from a copy, or calibrate in a new project on fresh documents.",
            ) from error
        yield bound
