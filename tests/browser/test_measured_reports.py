"""Reports of measured runs in a real browser: nothing is cut or too wide, on a phone and on paper."""

import pytest
from support.browser_checks import CUT, OVERFLOW
from support.measured_runs import agreement_run, demo_run, labels_run, unfair_run

from insource.report import write_report


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("run", [demo_run, labels_run, unfair_run, agreement_run])
def test_nothing_is_cut_or_too_wide(browser, tmp_path, run, width):
    report = write_report(run(120), tmp_path / "report.html")
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(report.as_uri())
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(CUT) == []
    page.close()


def test_print_has_every_section_unfolded_and_fits_the_paper(browser, tmp_path):
    report = write_report(demo_run(120), tmp_path / "report.html")
    page = browser.new_page(viewport={"width": 700, "height": 1000})
    page.emulate_media(media="print")
    page.goto(report.as_uri())
    assert page.evaluate(OVERFLOW) <= 0
    assert page.locator("details.example pre").first.is_visible()
    assert not page.locator("nav").is_visible()
    page.close()
