"""The page of the monitor: everything that a check found is on it, whatever was not measured."""

import html
import re

import pytest
from support.example_checks import PARTS, check

from insource.lifecycle.monitoring.alerts import alerts_of, figure
from insource.report.render import render_monitoring
from insource.types import Estimate


def text_of(*checks):
    page = html.unescape(re.sub(r"<[^>]+>", " ", render_monitoring(checks)))
    return " ".join(page.split())


def test_every_alert_is_there_with_its_next_command():
    made = check(**PARTS)
    said = text_of(made)
    assert len(made.open) == 4
    for alert in made.open:
        assert alert.what in said
        assert alert.next_command in said
    assert "4 alerts" in said
    assert "language: de (0.0 % → 40.0 %)" in said


@pytest.mark.parametrize("name", PARTS)
def test_each_figure_is_there_and_what_is_missing_is_not_measured(name):
    said = text_of(check(**{name: PARTS[name]}))
    figures = {
        "inputs": ["0.710", "digits", "language: de"],
        "behaviour": ["voltage is empty", "50.0 %", "0.21 s"],
        "quality": [figure(0.83, "ratio"), "80.0 % to 86.0 %"],
        "agreement": [figure(0.12, "ratio"), "n = 120"],
    }[name]
    assert [one for one in figures if one not in said] == []
    assert said.count("not measured") == (3 if name == "behaviour" else 2)


def test_what_was_not_measured_has_its_reason():
    said = text_of(check())
    assert "the log has no texts of these calls" in said
    assert "Nothing moved" in said


def test_an_alert_that_is_over_stays_on_the_page_and_out_of_the_headline():
    moved = check(inputs=PARTS["inputs"])
    calm = PARTS["inputs"].model_copy(update={"p_value": 0.6})
    later = check(1, inputs=calm)
    over = later.model_copy(update={"alerts": alerts_of(later, moved.alerts)})
    said = text_of(moved, over, check(2, inputs=calm))
    assert "Nothing moved" in said
    assert "over by 2026-11-02T00:00:00Z" in said


def test_one_window_and_many_are_drawn():
    for count in (1, 2, 40):
        page = render_monitoring([check(day, **PARTS) for day in range(count)])
        assert page.count("<svg") == 4  # two plots, each for wide and narrow pages


@pytest.mark.parametrize("estimate", [Estimate(value=None), Estimate(value=1.0, n=1)])
def test_figures_without_a_value_or_an_interval_are_drawn(estimate):
    quality = PARTS["quality"].model_copy(update={"estimate": estimate})
    assert "Are the answers still right?" in text_of(check(quality=quality))


def test_a_hostile_name_stays_text():
    page = render_monitoring([check(task="<script>alert(1)</script>\u202e", **PARTS)])
    assert "<script" not in page
    assert "\u202e" not in page


def test_a_page_needs_a_check():
    with pytest.raises(ValueError, match="needs a check"):
        render_monitoring([])
