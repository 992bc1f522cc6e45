"""The review queue in a real browser, by keyboard alone, on the running command, and the build after it."""

import json

import pytest
from support.review_command import running_review

HOSTILE = '<script>window.pwned = 1</script><img src=x onerror="window.pwned = 1"> \u202edesrever\u202c'
SCHEMA = {
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        "phases": {"type": ["integer", "null"], "enum": [1, 3, None]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["model", "phases", "tags"],
    "additionalProperties": False,
}
CONFIG = '[task]\nname = "pumps"\nschema = "schema.json"\n'
ACTIVE = "document.activeElement.dataset.pointer"


def pump(number):
    filler = HOSTILE if number == 1 else ""
    document = f"Pump AX-{100 + number}{filler}, three-phase, speaks Modbus and BACnet. Order {number}."
    answer = {"model": f"AX-{100 + number}", "phases": 3, "tags": ["Modbus", "BACnet"]}
    if number == 1:
        answer["model"] = HOSTILE
    row = {"id": f"p{number:02}", "input": document, "output": answer, "provenance": {"label": "teacher"}}
    if number in (0, 1, 4):
        row["cloud_outputs"] = {"m/<b>one</b>": json.dumps({**answer, "phases": 1})}
    return row


@pytest.fixture
def pumps(project):
    return project([pump(number) for number in range(16)], CONFIG, files={"schema.json": SCHEMA})


@pytest.fixture
def open_page(browser):
    """Opens an address at a width; in the end no console message, page error or request elsewhere is left."""
    pages, troubles = [], []

    def open_at(url, width=1280, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda sent: sent.url.startswith(url) or troubles.append(f"asked for {sent.url}"))
        page.goto(url)
        pages.append(page)
        return page

    yield open_at
    for page in pages:
        assert page.evaluate("window.pwned") is None
        page.close()
    assert troubles == []


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def save(page):
    """Save, and wait for the page that comes after."""
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")


def decisions(folder):
    return [json.loads(line) for line in (folder / "dataset-reviews.jsonl").read_text().splitlines()]


def test_a_review_by_keyboard_and_the_build_after_it(pumps, open_page, insource):
    with running_review(pumps, "--who", "Ann") as (_, url):
        page = open_page(url)
        assert page.locator("#progress").inner_text() == "0 of 3 decided"
        assert "logged answer differs" in page.locator(".reason").first.inner_text()
        assert page.evaluate(ACTIVE) == "/model"
        assert page.locator("mark[data-current]").inner_text() == "AX-100"
        press(page, "j")
        assert page.evaluate(ACTIVE) == "/phases"
        press(page, "ArrowDown")
        assert page.locator("mark[data-current]").all_inner_texts() == ["Modbus", "BACnet"]
        press(page, "k", "ArrowUp")
        assert page.evaluate(ACTIVE) == "/model"
        press(page, "a", "1", "e")  # accept the model, one phase, edit the tags
        assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
        page.keyboard.type('["Modbus"]')
        press(page, "Enter")
        verdicts = [field.get_attribute("data-verdict") for field in page.locator(".field").all()]
        assert verdicts == ["accepted", "edited", "edited"]
        save(page)
        assert page.locator("#progress").inner_text() == "1 of 3 decided"
        assert "row=1" in page.url
        press(page, "a", "x")  # the hostile row: phases rejected
        press(page, "Control+Enter")
        assert "Decide this field first" in page.locator("#status").inner_text()
        press(page, "A")
        save(page)
        press(page, "A")
        save(page)
        assert "This queue has no more rows for Ann" in page.locator("h2").first.inner_text()
    kept = decisions(pumps)
    assert kept == sorted(kept, key=lambda one: (one["row_id"], one["field"], one["who"]))
    found = {(one["row_id"], one["field"]): (one["verdict"], one["before"], one["after"]) for one in kept}
    assert found["p00", "/model"] == ("accepted", "AX-100", "AX-100")
    assert found["p00", "/phases"] == ("edited", 3, 1)
    assert found["p00", "/tags"] == ("edited", ["Modbus", "BACnet"], ["Modbus"])
    assert found["p01", "/phases"] == ("rejected", 3, None)
    assert {one["who"] for one in kept} == {"Ann"}
    manifest = json.loads(insource("dataset", "build", "--json").stdout)
    assert manifest["dropped"] == {"rejected-in-review": 1}
    assert manifest["labels"] == {"checked": 2, "teacher": 13}
    [folder] = (pumps / ".insource" / "datasets").iterdir()
    rows = [json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    changed = next(row for row in rows if row["row_id"] == "p00")
    assert changed["target"] == '{"model":"AX-100","phases":1,"tags":["Modbus"]}'
    assert changed["provenance"]["label"] == "checked"
    assert changed["provenance"]["human_edited"] is True


def test_undo_on_the_page_and_of_a_save_and_next_without_saving(pumps, open_page):
    with running_review(pumps, "--who", "Ann", "--queue", "all") as (_, url):
        page = open_page(url)
        press(page, "e", "Escape", "x", "A", "u", "u")
        assert [field.get_attribute("data-verdict") for field in page.locator(".field").all()] == [""] * 3
        assert page.evaluate(ACTIVE) == "/model"
        with page.expect_navigation():
            press(page, "n")
        assert "row=1" in page.url
        press(page, "A")
        save(page)
        assert len(decisions(pumps)) == 3
        with page.expect_navigation():
            press(page, "u")
        assert "row=1" in page.url
        assert decisions(pumps) == []
        with page.expect_navigation():
            press(page, "n")
        press(page, "u")
        page.get_by_text("There is nothing to undo.").wait_for()
        press(page, "?")
        assert page.locator("#sheet").is_visible()
        press(page, "a", "Escape")
        assert not page.locator("#sheet").is_visible()
        assert page.locator(".field[data-verdict=accepted]").count() == 0


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light"), (360, "dark")])
def test_a_hostile_row_is_inert_and_the_page_fits(pumps, open_page, width, scheme):
    with running_review(pumps, "--who", "Ann", "--queue", "all") as (_, url):
        page = open_page(url, width, scheme)
        with page.expect_navigation():
            press(page, "n")
        assert "<script>window.pwned" in page.locator("#source").inner_text()
        assert "\\u202edesrever" in page.locator("#source").inner_text()
        assert page.locator("#source img, .field img, #source script").count() == 0
        assert page.locator(".said").inner_text().startswith("m/<b>one</b> said")
        press(page, "e")
        page.keyboard.type("\u202e<b>x</b>")
        press(page, "Enter")
        assert page.locator(".field .after bdi").first.inner_text() == "\\u202e<b>x</b>"
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        box = page.locator(".field[data-current]").bounding_box()
        assert 0 <= box["y"] < 800
        assert page.locator("button[data-do=save]").is_visible()


def test_nothing_is_saved_under_a_name_that_the_page_does_not_show(pumps, open_page):
    with running_review(pumps, "--who", "Ann", "--queue", "all") as (_, url):
        page = open_page(url)
        box = page.locator("input[name=who]")
        box.fill("Bob")
        press(page, "Control+Enter")
        assert (
            "The reviewer box contains “Bob”, but this is the page of Ann"
            in page.locator("#status").inner_text()
        )
        page.locator(".field").first.focus()
        press(page, "A", "Control+Enter")
        assert box.evaluate("box => box === document.activeElement")
        assert not (pumps / "dataset-reviews.jsonl").exists()
        press(page, "Escape")
        assert box.input_value() == "Ann"
        save(page)
        page.locator("input[name=who]").fill("Bob")
        with page.expect_navigation():
            press(page, "Enter")
        press(page, "A")
        save(page)
    assert [(one["row_id"], one["who"]) for one in decisions(pumps)[::3]] == [("p00", "Ann"), ("p01", "Bob")]


def test_two_reviewers_at_once_and_their_agreement(project, rows, open_page, insource):
    config = '[task]\nname = "tickets"\nlabels = ["billing", "delivery", "technical"]\n'
    folder = project(rows.tickets(12), config)
    with running_review(folder, "--overlap", "1", "--queue", "audit", "--who", "Ann") as (_, url):
        ann, bob = open_page(url), open_page(url)
        bob.locator("input[name=who]").focus()
        press(bob, "Control+a")
        bob.keyboard.type("Bob")
        with bob.expect_navigation():
            press(bob, "Enter")
        assert "who=Bob" in bob.url
        for turn in range(12):
            press(ann, "a")
            save(ann)
            press(bob, "1" if turn < 6 else "a")
            save(bob)
        assert ann.locator("#progress").inner_text() == bob.locator("#progress").inner_text()
        assert bob.locator("#progress").inner_text() == "12 of 12 decided"
        bob.reload()
        assert "κ 0." in bob.locator("#headline").inner_text()
        bob.set_viewport_size({"width": 360, "height": 800})
        assert bob.locator("#agreement thead").bounding_box()["height"] < 60
        shown = [row.all_inner_texts() for row in cells(bob)]
        bob.goto(f"{url}review?queue=contested&who=Bob")
        assert "Ann accepted" in bob.locator(".other").inner_text()
    kept = decisions(folder)
    assert len(kept) == 24
    report = json.loads(insource("dataset", "review", "--report", "--json").stdout)
    document = next(one for one in report["agreement"] if one["field"] == "document")
    differing = len({one["row_id"] for one in kept if one["verdict"] == "edited"})
    assert 0 < differing == len(report["contested"])
    assert document["agreed"]["value"] == pytest.approx(1 - differing / 12)
    assert document["kappa"]["low"] < document["kappa"]["value"] < document["kappa"]["high"]
    printed = insource("dataset", "review", "--report").stdout
    assert "Cohen's kappa" in printed
    assert document["categories"] == "values"
    lines = [line.split() for line in printed.splitlines()]
    for row in shown:
        assert " ".join(row[1:]).split() in lines


def cells(page):
    return [row.locator("td") for row in page.locator("#agreement tbody tr").all()]
