"""The reviews file under kill -9, a full disk, two writers, and a terminal that is not there."""

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from support.review_command import running_review

from insource.dataset.review.decisions import DecisionFile, read_reviews, write_reviews
from insource.foundation.errors import DataError
from insource.types import ReviewDecision

CONFIG = '[task]\nname = "tickets"\nlabels = ["billing", "delivery", "technical"]\n'
# Dies by SIGKILL in the middle of a save: after half of the new file is written, or before it is renamed.
DIES = {
    "half written": "import os, json\nreal = json.dumps\nseen = []\n"
    "def dumps(value, **options):\n"
    "    if isinstance(value, dict) and 'verdict' in value:\n"
    "        seen.append(1)\n"
    "        if len(seen) > {saves}: os.kill(os.getpid(), 9)\n"
    "    return real(value, **options)\n"
    "json.dumps = dumps",
    "not renamed": "import os, pathlib\nreal = pathlib.Path.replace\nseen = []\n"
    "def replace(self, target):\n"
    "    if 'dataset-reviews' in str(target):\n"
    "        seen.append(1)\n"
    "        if len(seen) > {saves}: os.kill(os.getpid(), 9)\n"
    "    return real(self, target)\n"
    "pathlib.Path.replace = replace",
}


def decision(number, who="ann"):
    return ReviewDecision(
        row_id=f"t{number}", field="", verdict="rejected", before="x", who=who, when="2026-04-12", input="0"
    )


def post(url, row):
    page = urllib.request.urlopen(f"{url}review?queue=all&who=Ann&row={row}").read().decode()
    token = page.partition('name="csrf" content="')[2].partition('"')[0]
    body = {"queue": "all", "who": "Ann", "row": row, "fields": [{"field": "", "verdict": "accepted"}]}
    headers = {
        "Content-Type": "application/json",
        "X-CSRF-Token": token,
        "Origin": "/".join(url.split("/")[:3]),
    }
    request = urllib.request.Request(f"{url}review", json.dumps(body).encode(), headers)
    return json.loads(urllib.request.urlopen(request).read())


@pytest.mark.parametrize("where", DIES)
def test_a_server_killed_in_the_middle_of_a_save_leaves_the_file_whole(project, rows, where):
    folder = project(rows.tickets(6), CONFIG)
    # Writing n decisions takes n calls of the first kind, 1 + 2 for two saves.
    prelude = DIES[where].replace("{saves}", "4" if where == "half written" else "2")
    with running_review(folder, "--who", "Ann", prelude=prelude) as (child, url):
        post(url, 0)
        post(url, 1)
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            post(url, 2)
        assert child.wait() == -9
    kept = read_reviews(folder / "dataset-reviews.jsonl")
    assert [one.row_id for one in kept] == ["t0", "t1"]
    with running_review(folder, "--who", "Ann") as (_, url):
        post(url, 2)
    assert len(read_reviews(folder / "dataset-reviews.jsonl")) == 3


def test_several_writers_lose_nothing(tmp_path):
    """Each has a file object and a lock of its own, as each process has."""

    def review(who):
        file = DecisionFile(tmp_path / "reviews.jsonl", tmp_path / "lock")
        for number in range(20):
            file.replace(f"t{number}", who, [decision(number, who)])

    names = ["ann", "bob", "cid", "dan"]
    threads = [threading.Thread(target=review, args=(who,)) for who in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = read_reviews(tmp_path / "reviews.jsonl")
    assert {(one.row_id, one.who) for one in kept} == {(f"t{n}", who) for n in range(20) for who in names}
    assert len(kept) == 80


def test_a_file_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(DataError) as error:
        write_reviews(tmp_path / "missing" / "reviews.jsonl", [decision(1)])
    assert error.value.code == "reviews-not-written"


def test_bad_lines_stop_build_and_review_by_number(project, rows, refuses):
    folder = project(rows.tickets(6), CONFIG)
    (folder / "dataset-reviews.jsonl").write_text("\n{}\nnonsense\n")
    for verb in ("build", "check", "review"):
        said = refuses("dataset", verb, code="reviews-unreadable")
        assert "dataset-reviews.jsonl:2" in said
        assert "dataset-reviews.jsonl:3" in said


def plain(folder, typed, *arguments):
    command = [sys.executable, "-m", "insource.cli.main", "dataset", "review", "--plain", *arguments]
    done = subprocess.run(command, cwd=folder, input=typed, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_terminal_writes_the_same_file(project, rows):
    folder = project(rows.tickets(6), CONFIG)
    shown = plain(folder, "a\n2\nn\nnonsense\nx\nu\ne technical\nq\n", "--queue", "all", "--who", "Ann")
    assert "=== t0 (0 of 6 decided by Ann)" in shown
    assert "1 billing  2 delivery  3 technical" in shown
    kept = read_reviews(folder / "dataset-reviews.jsonl")
    assert [(one.row_id, one.verdict, one.after) for one in kept] == [
        ("t0", "accepted", "billing"), ("t1", "accepted", "delivery"), ("t3", "edited", "technical"),
    ]  # fmt: skip


def test_the_end_of_the_input_is_the_end_of_the_review(project, rows):
    folder = project(rows.tickets(6), CONFIG)
    plain(folder, "", "--queue", "all", "--who", "Ann")
    assert not (folder / "dataset-reviews.jsonl").exists()


def test_a_hostile_row_steers_no_terminal(project):
    rows = [{"input": f"\x1b]0;owned\x07 {n} \u202e", "output": "billing"} for n in range(4)]
    shown = plain(project(rows, CONFIG), "q\n", "--queue", "all", "--who", "Ann")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b" in shown
