"""The pages themselves: links lead somewhere, quoted commands exist, nothing is left to fill in."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
from unit.docs.generated_pages import ROOT

from insource.cli.main import cli

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(insource [^`]+)`")
INDEXES = ("pypi.org", "anaconda.org", "npmjs.com", "crates.io", "libraries.io")
UNFINISHED = re.compile(r"\b(TODO|TBD|FIXME|XXX|lorem ipsum|coming soon)\b", re.IGNORECASE)
MARKERS = {"demo-figures", "/demo-figures", "generated", "/generated"}


def ids(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(path: Path) -> set[str]:
    """The anchors GitHub makes of a page's headings."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).strip().lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_links_lead_somewhere(path):
    for target in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        link = urlsplit(target)
        if link.scheme:
            assert link.scheme == "https", target
            continue
        file = (path.parent / link.path).resolve() if link.path else path
        assert file.is_relative_to(ROOT), target
        assert file.exists(), f"{target} leads nowhere"
        if link.fragment:
            assert link.fragment in anchors(file), f"{target}: no such heading"


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_a_package_is_linked_by_its_repository_not_by_an_index(path):
    hosts = {
        urlsplit(url).hostname
        for url in re.findall(r"https?://[^\s)>\"'`]+", path.read_text(encoding="utf-8"))
    }
    assert not {host for host in hosts if host and host.endswith(INDEXES)}


def test_pages_that_messages_name_exist_and_are_in_the_wheel():
    """Whoever installed the wheel has no other copy."""
    named = {
        page
        for path in (ROOT / "src").rglob("*.py")
        for page in re.findall(r"(?<!/)\bdocs/[\w/-]+\.md\b", path.read_text(encoding="utf-8"))
    }
    assert "docs/reference/errors.md" in named
    assert not {page for page in named if not (ROOT / page).is_file()}
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert wheel["targets"]["wheel"]["force-include"] == {"docs": "insource/docs"}


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_nothing_is_left_to_fill_in(path):
    text = path.read_text(encoding="utf-8")
    assert not UNFINISHED.findall(text)
    assert set(re.findall(r"<!-- (.*?) -->", text)) <= MARKERS


def quoted(path: Path) -> list[str]:
    """Every ``insource …`` of a page, from shell blocks and from running text."""
    text = path.read_text(encoding="utf-8")
    lines = [
        line.strip() for kind, block in FENCE.findall(text) if kind == "sh" for line in block.splitlines()
    ]
    found = [line.rpartition("/")[2] if "bin/insource" in line else line for line in lines]
    found += INLINE.findall(FENCE.sub("", text))
    return [line for line in found if line.startswith("insource ")]


def parse(line: str) -> None:
    """Let click read the command line without running anything."""
    words = []
    for word in shlex.split(line, comments=True)[1:]:
        if word in ("|", ">", "&&", "&", "2>"):
            break
        words.append(word)
    command: click.Command = cli
    context = click.Context(cli, info_name="insource")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"`{line}`: there is no {words[0]}"
        command, words = found, words[1:]
    if isinstance(command, click.Group) and not command.invoke_without_command:
        known = {option for parameter in command.get_params(context) for option in parameter.opts}
        assert set(words) <= known, f"`{line}`"
        return
    if words in (["VERB", "--help"], ["--help"]):
        return
    try:
        command.make_context("insource", words)
    except click.MissingParameter as error:  # running text may name a verb or a flag without its arguments
        if any(not word.startswith("-") for word in words):
            raise AssertionError(f"`{line}`: {error}") from error
    except click.UsageError as error:
        raise AssertionError(f"`{line}`: {error.message}") from error


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_quoted_commands_exist(path):
    for line in quoted(path):
        if "VERB" not in line and "[OPTIONS]" not in line:
            parse(line)


def test_the_commands_are_found_at_all():
    assert sum(len(quoted(path)) for path in PAGES) > 30


def test_a_wrong_command_would_be_noticed():
    for line in ("insource trian", "insource run --epoch 3", "insource demo --documents 2", "insource --jsn"):
        with pytest.raises(AssertionError):
            parse(line)


def test_each_fault_of_the_matrix_names_a_test_that_is_there():
    page = (ROOT / "docs" / "concepts" / "the-log.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and line.endswith("` |")]
    named = {line.rpartition("| `")[2].removesuffix("` |") for line in rows}
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(rows) > 20
    assert [name for name in named if f"def {name}(" not in tests] == []
