"""Layouts of running text."""

from __future__ import annotations

import numpy as np

from insource.demo.chance import pick
from insource.demo.layouts.clauses import Wording, clauses
from insource.demo.sheet import Sheet

DESCRIPTION: Wording = {
    "supply": ("it is supplied with {}.", "the unit runs on {}.", "mains supply is {}."),
    "current": ("it draws {} at full load.", "rated current is {}.", "full-load current: {}."),
    "io": ("it provides {}.", "there are {} on board.", "the terminals carry {}."),
    "protocols": ("it communicates via {}.", "supported protocols: {}.", "it speaks {}."),
    "warranty": ("warranty: {}.", "the warranty runs for {}.", "covered by a warranty of {}."),
    "extra": ("{}.", "{}.", "also: {}."),
}
TENDER: Wording = {
    "supply": ("the equipment shall operate from {}.", "supply shall be {}."),
    "current": ("rated current shall be {}.", "input current shall not differ from {}."),
    "io": ("it shall have {}.", "the contractor shall provide {}."),
    "protocols": ("communication shall be by {}.", "it shall support {}."),
    "warranty": ("warranty shall be {}.", "the manufacturer shall grant a warranty of {}."),
    "extra": ("requirement: {}.", "{}."),
}
COMMISSIONING: Wording = {
    "supply": ("fed from {}, checked.", "incoming supply {} verified."),
    "current": ("nameplate current {}.", "FLA {} set on the overload."),
    "io": ("wired {}.", "all {} tested OK."),
    "protocols": ("link up on {}.", "comms tested: {}."),
    "warranty": ("warranty {} from today.", "customer told: warranty {}."),
    "extra": ("noted {}.", "{}."),
}
CATALOGUE: Wording = {
    "supply": ("{}", "for {}"),
    "current": ("{}", "rated {}", "FLA {}"),
    "io": ("{}", "with {}"),
    "protocols": ("{}", "bus: {}"),
    "warranty": ("{} warranty", "warranty {}"),
    "extra": ("{}",),
}
BROCHURE: Wording = {
    "supply": ("just connect it to {} and go.", "made for {} networks."),
    "current": ("it needs only {}.", "a modest {} rated current."),
    "io": ("plenty of room with {}.", "{} built in."),
    "protocols": ("talks {} out of the box.", "fluent in {}."),
    "warranty": ("we stand behind it: {} warranty.", "peace of mind with a {} guarantee."),
    "extra": ("{}.", "and yes: {}."),
}


def description(sheet: Sheet, rng: np.random.Generator) -> str:
    """A product description in full sentences."""
    opening = pick(rng, ("This is the {}.", "The {} is ready for industrial use.", "Description: {}."))
    return " ".join([opening.format(sheet.title), *clauses(sheet, rng, DESCRIPTION)])


def tender_clause(sheet: Sheet, rng: np.random.Generator) -> str:
    """A clause of a tender: the equipment *shall* …"""
    clause = f"{rng.integers(2, 30)}.{rng.integers(1, 9)}"
    return " ".join([f"{clause} Furnish one {sheet.title}.", *clauses(sheet, rng, TENDER)])


def commissioning_note(sheet: Sheet, rng: np.random.Generator) -> str:
    """A field engineer's commissioning note."""
    place = pick(rng, ("Line", "Bay", "Panel", "Building", "Station")) + f" {rng.integers(1, 30)}"
    return " ".join([f"{place}: started up {sheet.title}.", *clauses(sheet, rng, COMMISSIONING)])


def catalogue_entry(sheet: Sheet, rng: np.random.Generator) -> str:
    """A short entry of fragments between separators."""
    between = pick(rng, ("; ", ". ", " • "))
    return between.join([sheet.title, *clauses(sheet, rng, CATALOGUE)]) + "."


def brochure(sheet: Sheet, rng: np.random.Generator) -> str:
    """Marketing text."""
    opening = pick(rng, ("Meet the {}!", "Introducing {}:", "New: {}."))
    return " ".join([opening.format(sheet.title), *clauses(sheet, rng, BROCHURE)])
