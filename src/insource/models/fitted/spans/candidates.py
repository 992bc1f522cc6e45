"""The candidate values of a field in a document, by the kind of the field."""

from __future__ import annotations

from itertools import islice

from insource.models.fitted.spans.candidate import Candidate
from insource.models.fitted.spans.document import Scope
from insource.models.fitted.spans.fields import Field, Taught
from insource.models.fitted.spans.measures import dates, numbers, quantities
from insource.models.fitted.spans.texts import aliases, texts

_MAX_CANDIDATES = 20_000


def candidates(scope: Scope, field: Field, taught: Taught) -> list[Candidate]:
    """Return the candidate values of a field in a scope, at most ``_MAX_CANDIDATES``."""
    if field.kind == "number":
        found = numbers(scope, field, taught)
    elif field.kind == "quantity":
        found = quantities(scope, field, taught)
    elif field.kind == "date":
        found = dates(scope, field, taught)
    elif field.kind == "choice":
        found = aliases(scope, taught)
    else:
        found = texts(scope, taught)
    return list(islice(found, _MAX_CANDIDATES))
