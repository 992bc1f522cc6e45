"""The page on how much data: its example prints what it says, and what it states is what the code has."""

import re
from typing import get_args

from unit.docs.generated_pages import ROOT

from insource.decision.sufficiency.curve import FURTHEST, LEVEL
from insource.decision.sufficiency.labelling import FEWEST_OF_A_PART, MOST
from insource.decision.sufficiency.losses import FEWEST_DOCUMENTS
from insource.decision.sufficiency.nested import FEWEST
from insource.types.probes import ProbeName
from insource.types.sufficiency import Signal

PAGE = (ROOT / "docs" / "concepts" / "how-much-data.md").read_text(encoding="utf-8")


def block(language):
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return found


def test_the_example_prints_what_the_page_shows(capsys):
    exec(compile(block("python"), "how-much-data.md", "exec"), {})
    assert capsys.readouterr().out == block("text")


def test_the_limits_of_the_page_are_those_of_the_code():
    for said in (
        f"fewer than {FEWEST} training rows, or fewer than {FEWEST_DOCUMENTS} validation documents",
        f"fewer than {FEWEST_OF_A_PART} training rows |",
        f"At most {MOST} rows are written",
        f"each question has half of the level {LEVEL:g}",
    ):
        assert said in PAGE
    assert FURTHEST == 4  # "no further than four times"


def test_every_signal_and_every_probe_has_a_row():
    first = re.findall(r"^\| ([^|]+) \| ", PAGE, re.MULTILINE)
    assert set(get_args(Signal)) <= set(first)
    assert {
        name.replace("larger base", "larger base model, prompted") for name in get_args(ProbeName)
    } <= set(first)
