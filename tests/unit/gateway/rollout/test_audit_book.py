"""Between the event loop and the thread that writes them no audit is lost, and no cost is forgotten."""

import math
import sys
import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from insource.gateway.rollout.audit_book import AuditBook
from insource.types.deployment import Audit, Spent

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def audit(number=0, cost=None, source="live"):
    return Audit(
        task="t", version="v", call_id=str(number), at=NOW, source=source, wrong=False, cost_usd=cost
    )


@pytest.fixture
def hasty():
    """Threads change as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_no_audit_is_lost_while_another_thread_takes_them(hasty):
    book, written, over, most = AuditBook(math.inf), [], threading.Event(), 5000
    one = audit()

    def write():
        fails = False
        while not over.is_set():
            taken, fails = book.take(), not fails
            if fails:
                book.give_back(taken)
            else:
                written.extend(taken)
                book.wrote()

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(most):
        book.add(one)
    over.set()
    thread.join()
    assert len(written) + len(book.take()) == most


def test_what_is_not_written_yet_is_spent_all_the_same():
    book = AuditBook(10)
    book.add(audit(1, Decimal(2)))
    book.add(audit(2, source="shadow"))
    taken = book.take()
    book.add(audit(3))
    assert book.spent == Spent(Decimal(2), 1)
    book.give_back(taken)
    assert book.spent == Spent(Decimal(2), 1)
    assert [one.call_id for one in book.take()] == ["1", "2", "3"]
    book.wrote()
    assert (book.spent, book.take()) == (Spent(Decimal(2), 1), [])
    book.know(Spent(Decimal(5), 1))
    assert book.spent == Spent(Decimal(5), 1)


@pytest.mark.parametrize(
    ("limit", "spent", "known", "under_way", "reason"),
    [
        (math.inf, Spent(Decimal(10**6), 5), None, 9, ""),
        (5, Spent(), None, 0, ""),
        (5, Spent(), None, 1, "price-pending"),
        (5, Spent(Decimal(3)), Decimal(1), 0, ""),
        (5, Spent(Decimal(3)), Decimal(1), 1, ""),
        (5, Spent(Decimal(3)), Decimal(1), 2, "budget"),
        (5, Spent(Decimal(5)), None, 0, "budget"),
        (5, Spent(Decimal(0), 1), None, 0, "price-unknown"),
        (0, Spent(), None, 0, "budget"),
    ],
)
def test_an_audit_is_refused_before_the_limit_could_be_passed(limit, spent, known, under_way, reason):
    book = AuditBook(limit)
    if known is not None:
        book.add(audit(cost=known))
        book.take()
    book.wrote()
    book.know(spent)
    assert book.refuses(under_way) == reason
