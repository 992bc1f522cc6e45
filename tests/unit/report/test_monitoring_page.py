"""The page of the monitor: everything that a check found is on it, whatever was not measured."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest

from insource.lifecycle.alerts import alerts_of, figure
from insource.report.render import render_monitoring
from insource.types import Estimate
from insource.types.monitoring import (
    AuditedAgreement,
    Behaviour,
    Check,
    InputDrift,
    Quality,
    Shift,
    Window,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
PARTS = {
    "inputs": InputDrift(
        auroc=Estimate(value=0.71, low=0.66, high=0.76, n=2500), p_value=0.002, permutations=499, alpha=0.003,
        features=(Shift(name="digits", unit="ratio", reference=0.1, live=0.3, p_value=0.01, moved=True),),
        slices=(
            Shift(name="language: de", unit="ratio", reference=0.0, live=0.4, p_value=0.01, moved=True),
        ),
    ),
    "behaviour": Behaviour(
        alpha=0.003,
        shifts=(
            Shift(name="voltage is empty", unit="ratio", reference=0.1, live=0.5, p_value=0.001, moved=True),
            Shift(name="time of an answer", unit="seconds", reference=0.2, live=0.21, p_value=1, moved=False),
        ),
    ),
    "quality": Quality(
        estimate=Estimate(value=0.83, low=0.8, high=0.86, n=400), target=0.9, calibrated=True,
        counts="documents", alpha=0.003,
    ),
    "agreement": AuditedAgreement(
        wrong=Estimate(value=0.12, low=0.07, high=0.19, n=120), bound=0.05, log_evidence=20.0, above=True
    ),
}  # fmt: skip


def check(day=0, *, task="specs", **parts):
    at = START + timedelta(days=day)
    window = Window(source="calls", calls=500, first=at, last=at + timedelta(hours=1))
    reference = Window(source="earlier calls", calls=2000, first=START, last=START)
    skipped = {} if parts else {"inputs": "the log has no texts of these calls"}
    made = Check(
        task=task, version="specs@a", at=at, window=window, reference=reference, skipped=skipped, **parts
    )
    return made.model_copy(update={"alerts": alerts_of(made, ())})


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
