"""The page of the monitor in a real browser: nothing is cut or too wide, no script, no request."""

import pytest
from support.browser_checks import CUT, OVERFLOW
from support.example_checks import PARTS, check

from insource.report.render import write_monitoring


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("count", [1, 40])
def test_nothing_is_cut_or_too_wide(browser, tmp_path, width, count):
    path = write_monitoring([check(day, **PARTS) for day in range(count)], tmp_path / "monitor.html")
    troubles = []
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.on("console", lambda message: troubles.append(message.text))
    page.on("request", lambda sent: sent.url == path.as_uri() or troubles.append(sent.url))
    page.goto(path.as_uri())
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(CUT) == []
    page.close()
    assert troubles == []
