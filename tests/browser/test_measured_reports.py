"""Reports of measured runs in a real browser: nothing is cut or too wide, on a phone and on paper."""

import pytest
from support.measured_runs import agreement_run, demo_run, labels_run, unfair_run

from insource.report import write_report

OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"
# Every text of every shown drawing against the box of its drawing, in pixels beyond the nearest edge.
CUT = """
[...document.querySelectorAll('figure svg')].filter(svg => svg.getClientRects().length).flatMap(svg => {
  const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(text => text.textContent).map(text => {
    const at = text.getBoundingClientRect();
    const beyond = [box.left - at.left, at.right - box.right, box.top - at.top, at.bottom - box.bottom];
    return [Math.max(...beyond), text.textContent];
  }).filter(([beyond]) => beyond > 3);
})"""


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
