"""The page of a decision in a real browser: nothing is cut or too wide, the options fold to cards."""

import pytest
from support.browser_checks import CUT, OVERFLOW
from support.example_decisions import decision, from_the_log, measured, undecided

from insource.report import write_decision


@pytest.fixture
def open_page(browser, tmp_path):
    """Opens a decision at a width; in the end there was no console message and no second request."""
    pages, troubles = [], []

    def open_at(whole, width):
        path = write_decision(whole, tmp_path / "decision.html")
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda sent: sent.url == path.as_uri() or troubles.append(sent.url))
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield open_at
    for page in pages:
        page.close()
    assert troubles == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("make", [decision, measured, from_the_log, undecided])
def test_nothing_is_cut_or_too_wide(open_page, make, width):
    page = open_page(make(), width)
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(CUT) == []


def test_the_options_are_a_table_on_a_desk_and_cards_on_a_phone(open_page):
    wide = open_page(decision(), 1280)
    heads = wide.locator("#options table.cards thead").first
    assert heads.bounding_box()["width"] > 600
    first = wide.locator("#options table.cards tbody tr.noted").first
    assert len({round(cell.bounding_box()["y"]) for cell in first.locator("td").all()}) == 1
    narrow = open_page(decision(), 390)
    assert narrow.locator("#options table.cards thead").first.bounding_box()["width"] <= 1
    cells = narrow.locator("#options table.cards tbody tr.noted").first.locator("td").all()
    tops = [cell.bounding_box()["y"] for cell in cells]
    assert tops == sorted(set(tops))
    assert all(cell.bounding_box()["width"] <= 390 for cell in cells)
    label = "getComputedStyle(document.querySelector('#options td'), '::before').content"
    assert narrow.evaluate(label) == '"Quality"'


def test_details_of_an_option_open_without_script(open_page):
    page = open_page(decision(), 1280)
    details = page.locator("#options details.folded").first
    assert not details.get_by_text("What would flip it", exact=True).is_visible()
    details.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert details.get_by_text("What would flip it", exact=True).is_visible()


def test_a_question_links_to_its_section(open_page):
    page = open_page(decision(), 1280)
    page.locator("#questions a", has_text="log").first.click()
    assert page.url.endswith("#log")
