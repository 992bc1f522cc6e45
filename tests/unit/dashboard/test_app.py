"""The pages as an application: who may ask, what is refused, what a hostile document comes out as."""

import asyncio
import json
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from insource.dashboard.app import Opening, create_app
from insource.dashboard.guard import MAX_BODY_BYTES
from insource.dataset.review.decisions import DecisionFile
from insource.dataset.review.workbench import Workbench
from insource.dataset.rows.staged import staged
from insource.dataset.sources.json_lines import JsonLines
from insource.types import JsonSchema

HOST = "127.0.0.1:8123"
HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(1)"> \u202eevil\u202c {{ 7 * 7 }}'
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "kind": {"enum": ["a", "b"]}}}
RECORDS = [
    {"id": "r0", "input": f"Name: Bo. {HOSTILE}", "output": {"name": HOSTILE, "kind": "a"}},
    {"id": "r1", "input": f"{HOSTILE} name Ann", "output": {"name": "Ann", "kind": "b"}},
    {"id": HOSTILE, "input": "Name: Zed", "output": {"name": "Zed", "kind": "a"}},
]


@contextmanager
def opened(folder, records):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with staged(JsonLines(path), folder / "work") as rows:
        yield Workbench(
            rows, JsonSchema(definition=SCHEMA), DecisionFile(folder / "reviews.jsonl", folder / "lock")
        )


def client_of(workbench):
    app = create_app(workbench, Opening("all", "Ann", "pumps", "reviews.jsonl"), port=8123, token="secret")
    return TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=False)


@pytest.fixture
def workbench(tmp_path):
    with opened(tmp_path, RECORDS) as workbench:
        yield workbench


@pytest.fixture
def client(workbench):
    return client_of(workbench)


def csrf(client):
    return client.get("/secret/").text.partition('name="csrf" content="')[2].partition('"')[0]


def post(client, where="review", body=None, **headers):
    ours = {"origin": f"http://{HOST}", "x-csrf-token": csrf(client), "content-type": "application/json"}
    body = {"queue": "all", "who": "Ann", "row": 1, "fields": accepted()} if body is None else body
    content = body if isinstance(body, bytes) else json.dumps(body)
    sent = {name: value for name, value in {**ours, **headers}.items() if value is not None}
    return client.post(f"/secret/{where}", content=content, headers=sent)


def accepted():
    return [{"field": "/name", "verdict": "accepted"}, {"field": "/kind", "verdict": "edited", "choice": 0}]


def test_a_save_is_kept_and_leads_on_and_undo_takes_it_back(client, workbench):
    answer = post(client)
    assert (answer.status_code, answer.json()) == (200, {"next": "review?queue=all&who=Ann&row=2"})
    kept = {one.field: (one.verdict, one.before, one.after) for one in workbench.file.decisions()}
    assert kept == {"/name": ("accepted", "Ann", "Ann"), "/kind": ("edited", "b", "a")}
    assert post(client, "undo", {"queue": "all", "who": "Ann"}).json() == {
        "next": "review?queue=all&who=Ann&row=1"
    }
    assert workbench.file.decisions() == ()
    assert "nothing to undo" in post(client, "undo", {"queue": "all", "who": "Ann"}).json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": None},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"x-csrf-token": None},
        {"x-csrf-token": "guessed"},
        {"content-type": "text/plain"},
    ],
)
def test_a_write_that_the_page_did_not_send_is_refused(client, workbench, headers):
    assert post(client, **headers).status_code == 403
    assert workbench.file.decisions() == ()


def test_other_hosts_and_paths_without_the_token_see_nothing(client):
    for host in ("evil.example", "127.0.0.1", "127.0.0.1:80", "evil.example:8123"):
        assert client.get("/secret/", headers={"host": host}).status_code == 403
    for path in ("/", "/review", "/guess/review?queue=all&who=Ann", "/secre/", "//secret/"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "Ann" not in answer.text
    assert client.get("/secret/", headers={"host": "localhost:8123"}).status_code == 200


def test_a_request_for_no_path_is_refused(client):
    async def asked():
        scope = {"type": "http", "method": "OPTIONS", "path": "*", "headers": [(b"host", HOST.encode())]}
        sent = []

        async def keep(message):
            sent.append(message)

        await client.app(scope, None, keep)
        return sent

    assert asyncio.run(asked())[0]["status"] == 400


def test_every_answer_says_what_it_may_do(client):
    for path in ("/secret/", "/secret/static/review.js", "/nothing", "/secret/document?row=0"):
        answer = client.get(path)
        assert answer.headers["content-security-policy"].startswith("default-src 'self'; ")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_what_is_too_large_or_not_json_is_refused(client, workbench):
    assert post(client, body=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413
    for wrong in (b"{", b"[]", b'{"a": NaN}', b'{"queue": "all", "queue": "all"}', b"\xff", b'"\\ud800"'):
        assert post(client, body=wrong).status_code == 400
    for change in (
        {"queue": "none"},
        {"who": ""},
        {"who": "a\nb"},
        {"who": "a" * 81},
        {"row": -1},
        {"row": 99},
        {"row": "²"},
        {"fields": {}},
        {"fields": [1]},
        {"fields": [{"field": "/name", "verdict": "maybe"}]},
        {"fields": [{"field": "/name", "verdict": "edited", "choice": True}]},
    ):
        body = {"queue": "all", "who": "Ann", "row": 1, "fields": accepted(), **change}
        assert post(client, body=body).status_code in (400, 404), change
    assert workbench.file.decisions() == ()


def test_a_large_body_without_a_length_is_cut_off(client, workbench):
    headers = {"origin": f"http://{HOST}", "x-csrf-token": csrf(client), "content-type": "application/json"}
    pieces = (b" " * 65_536 for _ in range(64))
    assert client.post("/secret/review", content=pieces, headers=headers).status_code == 413


def test_a_file_broken_by_hand_is_named_and_left(client, workbench):
    token = csrf(client)
    workbench.file.path.write_text("oops\n")
    headers = {"origin": f"http://{HOST}", "x-csrf-token": token, "content-type": "application/json"}
    body = {"queue": "all", "who": "Ann", "row": 1, "fields": accepted()}
    answer = client.post("/secret/review", json=body, headers=headers)
    assert answer.status_code == 409
    assert "reviews.jsonl:1" in answer.json()["error"]
    assert workbench.file.path.read_text() == "oops\n"


def test_a_page_over_a_broken_file_says_so(client, workbench):
    workbench.file.path.write_text("oops\n")
    answer = client.get("/secret/review?queue=all&who=Ann&row=0")
    assert answer.status_code == 409
    assert "reviews.jsonl:1" in answer.text


def test_a_hostile_document_is_text(client):
    page = client.get("/secret/review?queue=all&who=Ann&row=0").text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7 * 7 }}" in page
    shown = page.partition('id="source"')[2].partition("</div>")[0]
    assert "\u202e" not in shown
    assert "\\u202eevil" in shown
    whole = client.get("/secret/document?row=0")
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert whole.text == RECORDS[0]["input"]


def test_a_document_of_ten_megabytes_is_shortened_and_says_so(tmp_path):
    large = {"id": "r", "input": "x " * 5_000_000 + "Zed", "output": {"name": "Zed", "kind": "a"}}
    with opened(tmp_path, [large]) as workbench:
        page = client_of(workbench).get("/secret/review?queue=all&who=Ann&row=0").text
    assert len(page) < 60_000
    assert "Shortened: the document has 10,000,003 characters." in page
    assert "characters not shown" in page
    assert "<mark" in page
    assert ">Zed</mark>" in page


def test_names_and_queues_of_the_address_are_checked(client):
    for query in ("queue=none&who=Ann", "queue=all&who=", "queue=all&who=%0a", "queue=all&who=Ann&row=x"):
        assert client.get(f"/secret/review?{query}").status_code in (400, 404)
    hostile = client.get("/secret/review", params={"queue": "all", "who": '"><script>', "row": 0}).text
    assert '"><script>' not in hostile


def test_an_empty_queue_leads_to_one_that_is_not(client):
    page = client.get("/secret/review?queue=low-confidence&who=Ann").text
    assert "This queue is empty" in page
    assert (
        'href="review?queue=ungrounded&amp;who=Ann"' in page
        or 'href="review?queue=audit&amp;who=Ann"' in page
    )
    assert client.get("/secret/review?queue=audit&who=Ann").status_code == 200
