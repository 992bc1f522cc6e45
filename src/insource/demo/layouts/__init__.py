"""Layouts: functions from a sheet and a random generator to the text of a document."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from insource.demo.layouts import lists, messages, prose, records, tables
from insource.demo.sheet import Sheet

Layout = Callable[[Sheet, np.random.Generator], str]

LAYOUTS: dict[str, Layout] = {
    layout.__name__: layout
    for layout in (
        lists.label_value,
        lists.bullets,
        lists.dotted_form,
        lists.nameplate,
        lists.datasheet_header,
        lists.numbered_sections,
        tables.aligned_table,
        tables.pipe_table,
        tables.two_column,
        tables.csv_line,
        tables.spec_matrix,
        tables.tab_separated,
        prose.description,
        prose.tender_clause,
        prose.commissioning_note,
        prose.catalogue_entry,
        prose.brochure,
        messages.email,
        messages.ticket,
        messages.phone_memo,
        messages.question_answer,
        messages.quotation,
        messages.order_confirmation,
        records.key_value,
        records.xml_record,
        records.yaml_record,
        records.ini_section,
        records.asset_log,
    )
}

# Held out of training: one or two of every family, so that every held-out layout has relatives in training.
HELD_OUT = (
    "dotted_form",
    "numbered_sections",
    "two_column",
    "spec_matrix",
    "tender_clause",
    "phone_memo",
    "question_answer",
    "yaml_record",
)
SEEN = tuple(name for name in LAYOUTS if name not in HELD_OUT)

# Machine-written layouts get no scan noise.
MACHINE_WRITTEN = frozenset(
    {"csv_line", "key_value", "xml_record", "yaml_record", "ini_section", "asset_log"}
)
