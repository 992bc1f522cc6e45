"""The options that are weighed: keep the cloud tier, move to another, answer here, or a cascade of both."""

from __future__ import annotations

from collections.abc import Mapping

from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.prices import KnownPrice, Price, UnknownPrice
from insource.decision.economics.quantities import Quantity
from insource.types import Frozen


class Option(Frozen):
    """One way to answer every document, with what it takes to start, run and end it.

    ``machine_seconds``: time of a machine for a document at the concurrency that is needed (1 / throughput);
    None when nothing runs here. ``price``: of a document in the cloud; ``cloud_share`` of the documents are
    asked there (default: all). ``audited_by``: the price at which the cloud is asked about a share of the
    local answers, too. ``errors``: rates by type of error, a document; ``correct``: the share of documents
    that are right. ``why_unknown`` names what the caller could not measure; the result is then unknown.
    """

    name: str
    price: Price | None = None
    cloud_share: Quantity | None = None
    machine_seconds: Quantity | None = None
    audited_by: Price | None = None
    retrained: bool = False
    hours: tuple[Quantity, ...] = ()
    exit_hours: Quantity | None = None
    labels: Quantity | None = None
    training_usd: Quantity | None = None
    correct: Quantity | None = None
    errors: dict[str, Quantity] = {}
    why_unknown: tuple[str, ...] = ()

    def prices(self) -> tuple[Price, ...]:
        return tuple(price for price in (self.price, self.audited_by) if price is not None)

    def unknown(self) -> tuple[str, ...]:
        """Return what is not known about its costs, each once."""
        named = [*self.why_unknown, *(reason for price in self.prices() for reason in price.unknown())]
        return tuple(dict.fromkeys(named))

    def quantities(self) -> tuple[Quantity, ...]:
        """Return its inputs; those that ``[decision]`` has, too, are the same there."""
        single = (self.cloud_share, self.machine_seconds, self.labels, self.training_usd, self.correct)
        own = [quantity for quantity in (*single, self.exit_hours) if quantity is not None]
        priced = [quantity for price in self.prices() for quantity in price.quantities()]
        return (*priced, *own, *self.hours, *self.errors.values())


def keep(
    name: str,
    price: Price,
    *,
    correct: Quantity | None = None,
    errors: Mapping[str, Quantity] | None = None,
) -> Option:
    """Return the option of going on with the cloud model as it is: nothing to build."""
    return Option(name=name, price=price, correct=correct, errors=dict(errors or {}))


def switch(
    name: str,
    price: Price,
    given: Assumptions,
    *,
    correct: Quantity | None = None,
    errors: Mapping[str, Quantity] | None = None,
) -> Option:
    """Return the option of another model, endpoint, prompt or batch of the cloud: labour to move there."""
    return keep(name, price, correct=correct, errors=errors).model_copy(
        update={"hours": (given.switch_hours,)}
    )


def local(
    name: str,
    given: Assumptions,
    *,
    machine_seconds: Quantity | None,
    correct: Quantity | None = None,
    errors: Mapping[str, Quantity] | None = None,
    labels: Quantity | None = None,
    training_usd: Quantity | None = None,
    audited_by: Price | None = None,
    retrained: bool = True,
) -> Option:
    """Return the option of a model that answers here.

    A local-only task has no ``audited_by``. ``machine_seconds`` of None was not measured: the result is
    unknown.
    """
    return Option(
        name=name,
        machine_seconds=machine_seconds,
        audited_by=audited_by,
        retrained=retrained,
        hours=(given.build_hours, given.evaluation_hours),
        exit_hours=given.exit_hours,
        labels=labels,
        training_usd=training_usd,
        correct=correct,
        errors=dict(errors or {}),
        why_unknown=() if machine_seconds else (f"the machine time of {name}: it was not measured",),
    )


def cascade(
    name: str,
    here: Option,
    price: Price,
    *,
    escalated_share: Quantity | None,
    correct: Quantity | None = None,
    errors: Mapping[str, Quantity] | None = None,
) -> Option:
    """Return the option of a local model that passes documents on to the cloud when it is not confident.

    The local model is asked about every document; ``escalated_share`` of them are asked in the cloud, too.
    ``correct`` and ``errors`` are those of both together.
    """
    missing = () if escalated_share else (f"the share that {name} passes on: it was not measured",)
    return here.model_copy(
        update={
            "name": name,
            "price": price,
            "cloud_share": escalated_share,
            "correct": correct,
            "errors": dict(errors or {}),
            "why_unknown": (*here.why_unknown, *missing),
        }
    )


def known(price: Price) -> KnownPrice:
    """Return a price that was found to be known.

    Raises:
        ValueError: it is unknown; ask ``Option.unknown`` first.
    """
    if isinstance(price, UnknownPrice):
        raise ValueError(f"unknown: {price.reason}")
    return price
