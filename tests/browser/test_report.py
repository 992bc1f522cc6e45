"""The report in a real browser, opened from disk: no error, no request, usable on a phone, figures equal."""

import pytest
from support.example_results import example_result

from insource.report import words, write_report


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_report(example_result(), tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(params=[(1280, "light"), (390, "dark"), (360, "light")], ids=lambda p: f"{p[0]}-{p[1]}")
def page(request, browser, report):
    """An open report; leaving it fails on any console message, page error or second request."""
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    troubles: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    yield page
    page.close()
    assert troubles == []
    assert requests == [report.as_uri()]


def unfold(page) -> None:
    for summary in page.locator("summary").all():
        summary.click()


def test_the_verdict_is_on_top(page):
    banner = page.locator("section").first
    assert banner.get_by_role("heading", level=2).inner_text() == "Go"
    assert example_result().verdict.sentence in banner.inner_text()
    assert banner.get_by_text("Simulated cloud.").is_visible()


def test_nothing_scrolls_sideways_even_unfolded(page):
    overflow = "document.documentElement.scrollWidth - window.innerWidth"
    assert page.evaluate(overflow) <= 0
    unfold(page)
    assert page.evaluate(overflow) <= 0


def test_one_drawing_a_plot_is_shown_and_labelled(page):
    for figure in page.locator("figure").all():
        shown = figure.locator("svg:visible")
        assert shown.count() == 1
        question = figure.locator("h3").inner_text()
        assert shown.get_attribute("aria-label").startswith(question)
        assert shown.get_attribute("role") == "img"
        box, room = shown.bounding_box(), figure.bounding_box()
        assert box["width"] <= room["width"] + 1


def test_tables_show_the_numbers_of_the_result(page):
    unfold(page)
    headline = page.locator("#arms table").first
    for evaluation in example_result().evaluations:
        row = (
            headline.locator("tbody tr")
            .filter(has=page.locator("th", has_text=evaluation.arm.model))
            .filter(has_text=words.value(evaluation.metrics["field_accuracy"]))
        )
        text = row.inner_text()
        for name in words.HEADLINE_FIELDS:
            estimate = evaluation.metrics[name]
            assert words.value(estimate) in text
            assert words.interval(estimate) in text
    everything = page.locator("#arms details tbody tr")
    assert everything.count() == sum(len(e.metrics) for e in example_result().evaluations)
    differences = page.locator("#difference figure tbody tr").all_inner_texts()
    for comparison, text in zip(example_result().comparisons, differences, strict=True):
        assert words.difference(comparison) in text
        assert f"{comparison.better} · {comparison.worse} · {comparison.same}" in text
    fields = page.locator("#fields details").first.locator("tbody tr")
    assert fields.count() == sum(len(e.fields) for e in example_result().evaluations)


def test_disagreements_open_without_script(page):
    example = page.locator("details.example").first
    assert not example.locator("pre").is_visible()
    example.locator("summary").focus()
    page.keyboard.press("Enter")
    assert example.locator("pre").is_visible()
    assert example.locator("mark").count() >= 2
