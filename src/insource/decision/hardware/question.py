"""What a hardware plan is asked: a model, rows, how it is trained, and who labels."""

from __future__ import annotations

from pydantic import Field

from insource.config.training import TrainingSection
from insource.training.planning.data import DataFacts
from insource.types import Assumption, Frozen

OURS = "default of insource plan"
GIVEN = "yours"


class Workload(Frozen):
    """The rows that are trained and the documents that are answered; lengths in tokens, prompt and answer.

    ``length`` is the longest row, ``mean_length`` and ``answer`` are averages. ``concurrency`` is the number
    of documents that are answered at once.
    """

    length: int = Field(2048, gt=0)
    mean_length: int = Field(2048, gt=0)
    answer: int = Field(128, gt=0)
    examples: int = Field(1000, gt=0)
    concurrency: int = Field(1, gt=0)

    def rows(self, validation_documents: int) -> DataFacts:
        """Return the facts about these rows as a training plan reads them."""
        return DataFacts(
            examples=self.examples,
            mean_row_tokens=self.mean_length,
            longest_row_tokens=self.length,
            mean_answer_tokens=self.answer,
            longest_answer_tokens=self.answer,
            validation_rows=min(validation_documents, max(1, self.examples // 5)),
        )


class People(Frozen):
    """Who labels: rows, minutes a row (a range), people, hours each a day."""

    rows: int = Field(1000, ge=0)
    minutes: float = Field(2.0, gt=0)
    minutes_low: float = Field(1.0, gt=0)
    minutes_high: float = Field(4.0, gt=0)
    people: int = Field(1, gt=0)
    hours_a_day: float = Field(4.0, gt=0, le=24)


class Prices(Frozen):
    """What an hour costs: electricity, what the machine draws, and a rent where it is rented."""

    kwh_usd: float = Field(0.25, ge=0)
    machine_watts: float = Field(90.0, ge=0)
    host_watts: float = Field(150.0, ge=0)
    rent_usd: float | None = Field(None, ge=0)


class Question(Frozen):
    """One question to the planner. ``card`` is a card's name, ``auto``, or empty for this machine.

    ``given`` are the names of the figures that a person gave; the others are defaults.
    """

    model: str
    section: TrainingSection
    workload: Workload
    people: People
    prices: Prices
    card: str = ""
    given: frozenset[str] = frozenset()

    def assumptions(self) -> tuple[Assumption, ...]:
        """Return every input that nobody measured, with its unit and where it is from."""
        work, people, prices = self.workload, self.people, self.prices
        figures = (
            ("length", "longest row", work.length, "tokens", "training.max_tokens"),
            ("mean_length", "mean row", work.mean_length, "tokens", "as the longest"),
            ("answer", "answer", work.answer, "tokens", "a sixteenth of the longest row"),
            ("examples", "training rows", work.examples, "rows", OURS),
            ("concurrency", "at once", work.concurrency, "documents", OURS),
            ("label", "labelled", people.rows, "rows", "all training rows"),
            ("label_minutes", "a label", people.minutes, "minutes a row", OURS),
            ("people", "labellers", people.people, "people", OURS),
            ("hours_a_day", "labelling", people.hours_a_day, "hours a day", OURS),
            ("kwh_usd", "electricity", prices.kwh_usd, "USD/kWh", "decision.kwh_usd"),
        )
        return tuple(
            Assumption(name=name, value=value, unit=unit, source=GIVEN if key in self.given else source)
            for key, name, value, unit, source in figures
        )
