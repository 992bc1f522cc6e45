"""The page of a decision: all of it is there, unknown is said, hostile text stays text, nothing is loaded."""

import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from support.example_decisions import (
    EXAMPLES,
    decision,
    from_the_log,
    local_only,
    measured,
    no_go,
    probed,
    undecided,
)
from support.example_results import example_result

from insource.foundation.errors import PrerequisiteError
from insource.report import render_decision, render_markdown, units, words, write_decision
from insource.report.page import Table
from insource.report.sections.contents import sections
from insource.report.sections.deciding.contents import decision_sections
from insource.report.sections.deciding.headline import headline_numbers
from insource.types import Estimate, Frozen
from insource.types.decided import Decision, RankedOption
from insource.types.log_profile import LogProfile

HOSTILE = '"><script>alert(1)</script></title><img src=x onerror=alert(1)>'
ORDER = [
    "verdict", "kill-criteria", "options", "trade-off", "sensitivity", "bill", "next", "questions",
    "enough-data", "probes", "leaving", "gates", "assumptions", "unknown", "log", "made",
]  # fmt: skip


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u2060", "").split())


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {make.__name__: render_decision(make()) for make in EXAMPLES}


@pytest.fixture(params=EXAMPLES, ids=lambda make: make.__name__)
def shown(request, pages) -> tuple[Decision, Page]:
    return request.param(), Page(pages[request.param.__name__])


def values(model: Frozen, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every leaf with its dotted path and the type it is declared with; an estimate is a leaf."""
    for name, field in type(model).model_fields.items():
        yield from _values(getattr(model, name), f"{path}.{name}".lstrip("."), field.annotation)


def _values(value: Any, path: str, declared: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(value, Frozen) and not isinstance(value, Estimate):
        yield from values(value, path)
    elif isinstance(value, tuple):
        for place, one in enumerate(value):
            yield from _values(one, f"{path}.{place}", declared)
    else:
        yield path, value, declared


def is_free_text(declared: Any) -> bool:
    """Whether a field holds text that is not one of a few words."""
    if get_origin(declared) in (Union, UnionType, tuple):
        return any(is_free_text(one) for one in get_args(declared))
    return declared is str and get_origin(declared) is not Literal


# The page has the economics of every option in figures and sentences, and those of the headline in full.
OF_THE_HEADLINE = re.compile(
    r"options\.\d+\.economics\.(assumptions|costs|against_costs|tornado|quote|uncounted|against|option)"
)
# Each figure of the log is in its table by a name for people; its prompts and counts are in the log.
# The curve of the probes is that of the sufficiency; a comparison and steps down have pages of their own.
INSIDE = re.compile(r"probes\.(quantisations|curve|larger\.comparison)\.(?!sentence)")
ELSEWHERE = re.compile(r"profile\.|unknown|.*\.evidence\.\d+\.unit|.*\.(unit|metric)$")


def test_every_text_of_the_decision_is_on_the_page(shown):
    whole, page = shown
    headline = next(
        (f"options.{n}." for n, one in enumerate(whole.options) if one.name == whole.headline), ""
    )
    texts = [
        (path, value)
        for path, value, declared in values(whole)
        if isinstance(value, str) and value and is_free_text(declared) and not ELSEWHERE.match(path)
        if not INSIDE.match(path)
        if not OF_THE_HEADLINE.match(path) or path.startswith(headline)
    ]
    assert len(texts) > 5
    assert [(path, text) for path, text in texts if " ".join(text.split()) not in page.text] == []


def test_every_estimate_of_the_decision_is_on_the_page(shown):
    whole, page = shown
    plain = page.text.replace(words.NBSP, " ")
    found = [(path, value) for path, value, _ in values(whole) if isinstance(value, Estimate)]
    if whole.profile is not None:
        found += whole.profile.estimates()
    for path, estimate in found:
        if INSIDE.match(path):
            continue
        for end in (estimate.value, estimate.low, estimate.high):
            assert end is None or any(form in plain for form in forms(end)), (path, end)
        if estimate.value is None:
            assert " ".join(units.reason(estimate).split()) in plain, path


def forms(value: float) -> set[str]:
    """The ways in which a number may stand on the page."""
    shown = {units.bare(value, unit) for unit in ("", "share", "points", "USD", "s", "calls", "minutes")}
    return shown | {f"{value:,.0f}"}


def test_every_number_that_a_person_may_act_on_is_on_the_page(pages):
    whole, text = decision(), Page(pages["decision"]).text
    own = whole.own
    assert own is not None
    assert own.economics is not None
    for option in whole.options:
        for flip in option.flips:
            assert units.shown(flip.threshold, flip.unit) in text
            assert flip.sentence in text
    for costs in (own.economics.costs, own.economics.against_costs):
        assert costs is not None
        for line in (*costs.start, *costs.month, *costs.end):
            assert units.usd(line.usd) in text
    for swing in own.economics.tornado:
        assert units.usd(swing.npv_low_usd) in text
        assert units.usd(swing.npv_high_usd) in text
    for option in whole.options:
        assert option.economics is not None
        for given in option.economics.assumptions:
            assert given.source in text
            assert given.distribution in text


def test_sections_come_in_their_order(shown):
    whole, page = shown
    anchors = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert anchors == [anchor for anchor in ORDER if anchor in anchors]
    if whole == decision():
        assert anchors == [anchor for anchor in ORDER if anchor not in ("enough-data", "probes")]
    if whole == probed():
        assert {"enough-data", "probes"} <= set(anchors)


def test_a_section_is_there_when_its_data_are():
    bare = undecided().model_copy(update={"options": (), "unknown": {}})
    assert [section.anchor for section in decision_sections(bare)] == ["made"]
    assert "there is no option of one's own" in Page(render_decision(bare)).text


def test_the_verdict_is_on_top_with_the_three_numbers(pages):
    own = measured().own
    assert own is not None
    assert own.economics is not None
    top = Page(pages["measured"].partition('<nav aria-label="Contents">')[0]).text
    assert "Undecided" in top
    assert measured().verdict.sentence in top
    assert units.usd(own.cost_per_1000_correct_usd.value) in top
    assert units.bare(own.economics.break_even.value, "documents") in top
    assert "yours: 400,000 documents a month" in top
    assert units.bare(own.economics.payback_probability.value, "share") in top


def test_criteria_that_are_met_come_first_and_say_what_to_do_instead(pages):
    table = next(s for s in decision_sections(no_go()) if s.anchor == "kill-criteria").blocks[0]
    assert [str(row[0]) for row in table.rows] == [
        "unstable schema",
        "answers outside the input",
        "too little volume",
    ]
    assert table.rows[0][3] == "keep"
    assert "Yes: unstable schema." in Page(pages["no_go"]).text


def test_unknown_is_said_as_unknown(pages):
    text = Page(pages["undecided"]).text
    assert text.count("unknown") >= 5
    assert "$" not in text
    assert "the log spans 3 hours" in text
    known = dict(headline_numbers(undecided()))
    assert {number.text for number in known.values()} == {"unknown"}


def test_an_unknown_input_leaves_no_figure_of_money():
    own = decision().own
    assert own is not None
    assert own.economics is not None
    missing = Estimate(value=None, method="unknown", note="the price of cloud")
    names = ("volume", "break_even", "payback_probability", "reached", "npv_usd")
    economics = own.economics.model_copy(
        update=dict.fromkeys(names, missing)
        | {"unknown": ("the price of cloud",), "costs": None, "against_costs": None, "tornado": ()}
        | {"saving_usd_by_month": (), "npv_exact_usd": None, "payback": None, "sentences": ()}
    )
    lost = own.model_copy(
        update={"economics": economics, "saves": missing, "cost_per_1000_correct_usd": missing}
    )
    whole = decision(options=(lost,), reference="", unknown={})
    top = Page(render_decision(whole).partition('<nav aria-label="Contents">')[0]).text
    assert top.count("the price of cloud") == 3
    assert "$" not in top.partition("Decided from")[0].partition("36 months.")[2]
    assert not {"sensitivity", "trade-off"} & {section.anchor for section in decision_sections(whole)}


def test_a_simulated_cloud_is_labelled_at_the_top(pages):
    assert "Simulated cloud." in Page(pages["undecided"].partition("<nav ")[0]).text
    assert "Simulated cloud." not in pages["decision"]


def test_a_local_only_task_says_what_is_ruled_out(pages):
    text = Page(pages["local_only"]).text
    assert "The task is local-only: no document may leave the machine." in text
    assert "ruled out" in text
    assert local_only().leaves[0].what in text


def test_options_without_a_figure_have_a_table_of_their_own():
    section = next(s for s in decision_sections(from_the_log()) if s.anchor == "options")
    captioned = {block.caption: block for block in section.blocks if isinstance(block, Table)}
    ranked, left = captioned["The options, the best first"], captioned["Options without a figure"]
    assert len(left.rows) > 3
    names = [row[0].text for row in (*ranked.rows, *left.rows)]
    assert sorted(names, key=lambda name: int(name.partition(".")[0])) == [
        f"{rank}. {one.name}" for rank, one in enumerate(from_the_log().options, 1)
    ]


def test_links_lead_to_sections_of_the_page_alone(shown):
    _, page = shown
    anchors = {attrs["id"] for tag, attrs in page.tags if tag == "section"}
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert {link.removeprefix("#") for link in links if link} <= anchors
    assert all(link and link.startswith("#") for link in links)


def test_the_page_loads_nothing(pages):
    for html in pages.values():
        page = Page(html)
        assert not {"script", "link", "iframe", "object", "base", "img"} & {tag for tag, _ in page.tags}
        assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/)", html)
        assert len(html.encode()) < 1_000_000


def test_the_same_decision_gives_the_same_bytes(pages):
    assert render_decision(Decision.model_validate_json(measured().model_dump_json())) == pages["measured"]


def hostile() -> Decision:
    """A decision in which every free text is hostile, but those that name one another."""

    def poisoned(model: Any) -> Any:
        if isinstance(model, LogProfile):
            return model
        if isinstance(model, Frozen):
            changed = {}
            for name, field in type(model).model_fields.items():
                value = getattr(model, name)
                free = isinstance(value, str) and is_free_text(field.annotation)
                changed[name] = HOSTILE + "\u202e" if free else poisoned(value)
            return model.model_copy(update=changed)
        if isinstance(model, tuple):
            return tuple(map(poisoned, model))
        return model

    whole = poisoned(decision())
    assert isinstance(whole, Decision)
    return whole


def test_hostile_text_stays_text():
    html = render_decision(hostile())
    assert {tag for tag, _ in Page(html).tags}.isdisjoint({"script", "img"})
    assert "\u202e" not in html
    assert html.count("alert(1)") > 100
    assert "<script" not in html


def test_the_report_of_a_run_shows_its_decision_first_and_one_break_even():
    result = example_result(decision=measured())
    anchors = [section.anchor for section in sections(result)]
    assert anchors[:3] == ["worth", "kill-criteria", "options"]
    assert "break-even" not in anchors
    assert "made" not in anchors
    assert len(anchors) == len(set(anchors))
    text = render_markdown(result)
    assert result.break_even.sentence not in text
    assert units.bare(measured().own.economics.break_even.value, "documents") in text
    assert "break-even" in {section.anchor for section in sections(example_result())}


def test_a_decision_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PrerequisiteError) as caught:
        write_decision(undecided(), tmp_path / "file" / "decision.html")
    assert caught.value.code == "report-not-written"
    assert write_decision(undecided(), tmp_path / "a" / "decision.html").is_file()


def test_an_option_alone_makes_no_picture():
    one: RankedOption = decision().options[0]
    assert "trade-off" not in {s.anchor for s in decision_sections(decision(options=(one,)))}


def test_the_picture_has_every_option_with_a_difference_and_a_saving():
    plot = next(s for s in decision_sections(decision()) if s.anchor == "trade-off").blocks[0]
    for width in (864, 320):
        values = [value for layer in plot.draw(width)["layer"] for value in layer["data"]["values"]]
        marks = {value["value"] for value in values if "shape" in value}
        assert marks == {one.saves.value for one in decision().options}
        assert all(math.isfinite(value["x"]) for value in values if "x" in value)


def test_the_tornado_has_a_diamond_where_an_input_flips_within_its_range():
    own = decision().own
    assert own is not None
    assert own.economics is not None
    plot = next(s for s in decision_sections(decision()) if s.anchor == "sensitivity").blocks[0]
    diamonds = [
        value
        for layer in plot.draw(864)["layer"]
        if layer["mark"].get("shape") == "diamond"
        for value in layer["data"]["values"]
    ]
    expected = [
        swing
        for swing in own.economics.tornado[:10]
        if min(swing.npv_low_usd, swing.npv_high_usd) < 0 <= max(swing.npv_low_usd, swing.npv_high_usd)
    ]
    assert len(diamonds) == len(expected) > 0
