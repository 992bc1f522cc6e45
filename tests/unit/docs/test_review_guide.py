"""The guide on reviewing names the keys and queues there are, and its example is a line of the file."""

from __future__ import annotations

import json
import re

from unit.docs.generated_pages import ROOT

from insource.cli.dataset.review import QUEUES as CLI_QUEUES
from insource.dashboard.pages.excerpt import WHOLE
from insource.dashboard.shortcuts import KEYS, shown
from insource.dataset.review.queues import QUEUES
from insource.types import ReviewDecision

GUIDE = (ROOT / "docs" / "guides" / "review.md").read_text(encoding="utf-8")
STATIC = ROOT / "src" / "insource" / "dashboard" / "static"


def table(heading: str) -> list[tuple[str, str]]:
    section = GUIDE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| (`.+?) \| (.+) \|$", section, re.MULTILINE)


def test_the_keys_are_those_of_the_page():
    assert table("Keys") == [(", ".join(f"`{one}`" for one in shown(key)), key.words) for key in KEYS]


def test_every_action_of_a_key_is_in_the_script():
    script = (STATIC / "review.js").read_text(encoding="utf-8")
    actions = script.partition("const actions = {")[2].partition("\n};")[0]
    named = set(re.findall(r'^  "?([a-z-]+)"?(?=[(:,])', actions, re.MULTILINE))
    assert named == {key.action for key in KEYS}


def test_the_queues_are_those_of_command_and_page():
    assert tuple(name.strip("`") for name, _ in table("Queues")) == tuple(QUEUES) == CLI_QUEUES


def test_the_example_is_a_line_of_the_file():
    [line] = re.findall(r"```json\n(.+)\n```", GUIDE)
    example = json.loads(line)
    assert list(example) == list(ReviewDecision.model_validate(example).model_dump())


def test_figures_of_the_guide():
    assert f"more than {WHOLE:,} characters" in GUIDE


def test_the_script_is_small_and_makes_no_markup():
    script = (STATIC / "review.js").read_text(encoding="utf-8")
    assert script.count("\n") <= 300
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(", script)


def test_no_template_marks_anything_as_safe():
    for template in STATIC.parent.glob("templates/*"):
        text = template.read_text(encoding="utf-8")
        assert not re.search(
            r"\|\s*safe|autoescape|<script(?! type=\"module\" src=)|\son[a-z]+=|\sstyle=", text
        )
