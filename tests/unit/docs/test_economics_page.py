"""The page on the economics: its example prints what it says, and its settings are valid."""

import re
import tomllib
from typing import get_args

from unit.docs.generated_pages import ROOT

from insource.config.decision import Distribution
from insource.config.loading import validate
from insource.decision.economics.assumptions import assumptions

PAGE = (ROOT / "docs" / "concepts" / "economics.md").read_text(encoding="utf-8")


def block(language):
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return found


def test_the_example_prints_what_the_page_shows(capsys):
    exec(compile(block("python"), "economics.md", "exec"), {})
    assert capsys.readouterr().out == block("text")


def test_the_settings_of_the_page_are_valid_and_are_taken():
    config = validate(tomllib.loads(block("toml")), "economics.md")
    shown = {one.name: one for one in assumptions(config.decision).shown()}
    volume, work = shown["documents_per_month"], shown["engineering_usd_per_month"]
    assert (volume.low, volume.high, volume.source) == (60_000, 120_000, "sales plan")
    assert (work.value, work.low, work.distribution) == (600, None, "fixed")


def test_every_distribution_has_a_row():
    rows = re.findall(r"^\| `(\w+)` \| .+ \|$", PAGE, re.MULTILINE)
    assert rows == list(get_args(Distribution))
