"""`[dataset]`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from insource.types import Frozen

Moment = Annotated[datetime, AfterValidator(lambda at: at if at.tzinfo else at.replace(tzinfo=UTC))]


class ColumnsSection(Frozen):
    """``[dataset.columns]``: the columns, or dotted paths, of a table with other names."""

    input: str | tuple[str, ...] = Field(
        "input", description="The document; several columns are joined as `name: value` lines."
    )
    output: str | tuple[str, ...] = Field(
        "output", description="The right answer; several columns are the fields of a JSON object."
    )
    id: str = Field("id", description="What names the row.")
    group: str = Field("group", description="What several documents have in common.")
    time: str = Field("time", description="When the document came.")
    split: str = Field("split", description="Which split the row belongs to.")
    prompt: str = Field("prompt", description="The instruction that came with the document.")
    file: str = Field(
        "",
        description="The document's file, in a table of labels; file_name, file, filename, path when empty.",
    )


class CallsSection(Frozen):
    """``[dataset.calls]``: which calls of the log become rows, and how."""

    task: str = Field(
        "", description="Only calls of this task; that of `[task] name` when empty, `*` is all."
    )
    prompt_version: str | None = Field(None, description="Only calls of this version of the prompt.")
    model: str | None = Field(None, description="Only the model that answered.")
    provider: str | None = Field(None, description="Only this upstream.")
    outcome: Literal["ok", "error", "interrupted"] | None = Field(
        None, description="Only calls that ended so; failed ones are of use when they were corrected."
    )
    since: Moment | None = Field(None, description="Calls from then on; UTC when no zone is given.")
    until: Moment | None = Field(None, description="Calls before then.")
    feedback: tuple[Literal["corrected", "up", "down", "none"], ...] = Field(
        (), description="Only calls whose last feedback is one of these; all when empty."
    )
    group: str = Field(
        "user", description="What must not straddle two splits: `user`, `conversation`, or the name of a tag."
    )


class DatasetSection(Frozen):
    path: str = Field(
        "data.jsonl", description="File or folder with the rows; not looked at when they come from the log."
    )
    format: Literal["auto", "rows", "chat", "completion", "documents", "log"] = Field(
        "auto",
        description="What the rows are: `rows` or columns of a table, `chat` or `completion` examples, a "
        "folder of `documents`, the `log`. `auto` looks and says why.",
    )
    columns: ColumnsSection = ColumnsSection()
    calls: CallsSection = CallsSection()
    labels: str = Field(
        "", description="Table with the labels of a folder of documents, relative to that folder."
    )
    encoding: str = Field("", description="Encoding of tables and documents that are not UTF-8, e.g. cp1252.")
    conversations: Literal["drop", "last", "render"] = Field(
        "drop", description="Requests with earlier turns: left out, taken for the last turn, or written out."
    )
    teacher: str = Field(
        "",
        description="The provider/model whose answers the labels of a file are, when no person checked them.",
    )
    validation: float = Field(0.1, gt=0, lt=1, description="Share carved from train when not given (ratio).")
    calibration: float = Field(0.1, gt=0, lt=1, description="Share carved from train when not given (ratio).")
    test: float = Field(0.2, gt=0, lt=1, description="Share carved from train when not given (ratio).")
    group_by: Literal["auto", "group", "template", "input"] = Field(
        "auto",
        description="What stays in one split: the rows of a `group`, those whose text is the same without "
        "its values, or equal inputs; auto takes groups when whole ones come near the shares.",
    )
    order: Literal["random", "time"] = Field(
        "random", description="Draw the splits, or let the newest units be test, the next calibration."
    )
    fixes: str = Field("dataset-fixes.toml", description="File with the decisions about the checks' fixes.")
    reviews: str = Field("dataset-reviews.jsonl", description="File with the reviewers' decisions.")
    synthetic: str = Field(
        "synthetic.jsonl", description="File of `insource dataset synthesize`; its rows join at every build."
    )
    policy: str = Field("teachers.toml", description="File that says whose answers may be trained on.")
    on_bad_rows: Literal["error", "drop"] = Field(
        "error", description="Stop at rows that cannot be used, or drop them with their reason."
    )

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> Self:
        if self.validation + self.calibration + self.test >= 1:
            raise ValueError("validation, calibration and test have to leave a share to train on")
        return self
