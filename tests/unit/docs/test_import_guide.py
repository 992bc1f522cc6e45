"""The guide on importing logs names what there is, and its examples run."""

from __future__ import annotations

import re

from unit.docs.generated_pages import ROOT

from insource.cli.logs.import_ import FORMATS, MAPPED
from insource.logs.importers.mapped import FIELDS, read_mapping

GUIDE = (ROOT / "docs" / "guides" / "import-logs.md").read_text(encoding="utf-8")


def example(kind: str) -> str:
    return re.findall(rf"^```{kind}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)[0]


def test_every_format_and_no_other_is_in_the_table():
    table = GUIDE.partition("| format |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == [*FORMATS, MAPPED]


def test_every_field_of_a_mapping_and_no_other_is_in_the_table():
    table = GUIDE.partition("| fields of `[call]` |")[2].partition("\n\n")[0]
    named = [
        name
        for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    ]
    assert sorted(named) == sorted(FIELDS)


def test_the_mapping_of_the_guide_is_one(tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text(example("toml"), encoding="utf-8")
    assert read_mapping(path).name == "helpdesk"


def test_the_suite_runs_as_the_guide_says():
    exec(compile(example("python"), "import-logs.md", "exec"), {})
