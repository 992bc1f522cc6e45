"""The section ``[dataset]``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from insource.types import Frozen
from insource.types.call import Outcome

Moment = Annotated[datetime, AfterValidator(lambda at: at if at.tzinfo else at.replace(tzinfo=UTC))]


class ColumnsSection(Frozen):
    """``[dataset.columns]``: the column names, or dotted paths, of a table."""

    input: str | tuple[str, ...] = Field(
        "input", description="The document. Several columns are joined as `name: value` lines."
    )
    output: str | tuple[str, ...] = Field(
        "output", description="The correct answer. Several columns become the fields of a JSON object."
    )
    id: str = Field("id", description="Identifier of the row.")
    group: str = Field("group", description="Group of the document; a group stays in one split.")
    time: str = Field("time", description="Time of the document.")
    split: str = Field("split", description="Split of the row.")
    prompt: str = Field("prompt", description="Instruction sent with the document.")
    file: str = Field(
        "",
        description="File of the document, in a table of labels; when empty, the first of file_name, file, "
        "filename and path.",
    )


class CallsSection(Frozen):
    """``[dataset.calls]``: which logged calls become rows, and how."""

    task: str = Field("", description="Only calls of this task; when empty, `[task] name`; `*` means all.")
    prompt_version: str | None = Field(None, description="Only calls with this prompt version.")
    model: str | None = Field(None, description="Only calls that this model answered.")
    provider: str | None = Field(None, description="Only calls to this upstream.")
    outcome: Outcome | None = Field(
        None, description="Only calls with this outcome. Failed calls become rows only with a correction."
    )
    since: Moment | None = Field(None, description="Only calls since then; the default zone is UTC.")
    until: Moment | None = Field(None, description="Only calls before then.")
    feedback: tuple[Literal["corrected", "up", "down", "none"], ...] = Field(
        (), description="Only calls whose last feedback is one of these; when empty, all calls."
    )
    group: str = Field(
        "user",
        description="What stays in one split: a `user`, a `conversation`, or the value of a tag (its name).",
    )


class DatasetSection(Frozen):
    """``[dataset]``: where the rows come from and how they are split."""

    path: str = Field(
        "data.jsonl", description="File or folder with the rows; ignored when the rows come from the log."
    )
    format: Literal["auto", "rows", "chat", "sharegpt", "alpaca", "completion", "documents", "log"] = Field(
        "auto",
        description="Format of the source: `rows` of a table, `chat`, `sharegpt`, `alpaca` or `completion` "
        "examples, a folder of `documents`, or the `log`. `auto` detects the format and prints the reason.",
    )
    columns: ColumnsSection = ColumnsSection()
    calls: CallsSection = CallsSection()
    labels: str = Field(
        "", description="Table with the labels of a folder of documents; the path is relative to that folder."
    )
    encoding: str = Field("", description="Encoding of tables and documents that are not UTF-8, e.g. cp1252.")
    delimiter: str = Field(
        "", max_length=1, description="Character between the cells of CSV files; detected when empty."
    )
    quote: str = Field(
        '"', max_length=1, description="Character around cells of CSV files; empty when there is none."
    )
    conversations: Literal["drop", "last", "render"] = Field(
        "drop",
        description="Requests with earlier turns: `drop` them, keep the `last` turn, or `render` all turns "
        "as text.",
    )
    teacher: str = Field(
        "",
        description="The provider/model that made the labels of a file, when no person checked them.",
    )
    validation: float = Field(
        0.1, gt=0, lt=1, description="Share taken from train when the source has no such split (ratio)."
    )
    calibration: float = Field(
        0.1, gt=0, lt=1, description="Share taken from train when the source has no such split (ratio)."
    )
    test: float = Field(
        0.2, gt=0, lt=1, description="Share taken from train when the source has no such split (ratio)."
    )
    group_by: Literal["auto", "group", "template", "input"] = Field(
        "auto",
        description="What stays in one split: rows of one `group`, rows of one text `template` (equal text "
        "without its values), or rows of equal `input`. `auto` uses groups when whole groups come near "
        "the shares.",
    )
    order: Literal["random", "time"] = Field(
        "random",
        description="Draw the splits at `random`, or by `time`: the newest units are test, the next "
        "calibration.",
    )
    fixes: str = Field(
        "dataset-fixes.toml", description="File with the decisions on the fixes that the checks propose."
    )
    reviews: str = Field("dataset-reviews.jsonl", description="File with the reviewers' decisions.")
    synthetic: str = Field(
        "synthetic.jsonl",
        description="File that `insource dataset synthesize` writes; every build adds its rows.",
    )
    policy: str = Field(
        "teachers.toml",
        description="File with the teacher policy: which models' answers may be used for training.",
    )
    on_bad_rows: Literal["error", "drop"] = Field(
        "error", description="Stop at unusable rows, or drop them with their reasons."
    )

    @model_validator(mode="after")
    def _can_tell_cells_apart(self) -> Self:
        if {self.delimiter, self.quote} & {"\r", "\n"} or (self.delimiter and self.delimiter == self.quote):
            raise ValueError("delimiter and quote must be two characters, and not the end of a line")
        return self

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> Self:
        if self.validation + self.calibration + self.test >= 1:
            raise ValueError(
                "validation, calibration and test must sum to less than 1, to leave training rows"
            )
        return self
