"""The web application of the review: its routes and their responses. Templates escape all content."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_urlsafe
from typing import Any, NamedTuple, cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from insource.dashboard.guard import MAX_BODY_BYTES, Guard
from insource.dashboard.pages.review import review_url, review_view
from insource.dashboard.shortcuts import KEYS, shown
from insource.dataset.review.queues import QUEUES, QueueName
from insource.dataset.review.workbench import FieldVerdict, NotSaved, Workbench
from insource.formats.strict_json import strict_json
from insource.foundation.errors import InsourceError
from insource.report.words import visible

MAX_NAME = 80


class Opening(NamedTuple):
    """The defaults of the page: queue, reviewer and title. ``reviews`` is the file with the decisions."""

    queue: QueueName
    who: str
    title: str
    reviews: str


def create_app(workbench: Workbench, opening: Opening, *, port: int, token: str) -> Starlette:
    """Create the application behind its guard. Every path starts with ``token``."""
    pages = _Pages(workbench, opening, token_urlsafe())
    inside = [
        Route("/", pages.home),
        Route("/review", pages.show),
        Route("/review", pages.save, methods=["POST"]),
        Route("/undo", pages.undo, methods=["POST"]),
        Route("/document", pages.document),
        Mount("/static", StaticFiles(packages=[("insource.dashboard", "static")])),
    ]
    guard = Middleware(Guard, port=port, token=token, csrf=pages.csrf)
    return Starlette(
        routes=[Mount(f"/{token}", routes=inside)],
        middleware=[guard],
        exception_handlers={InsourceError: _trouble},
    )


class _Pages:
    def __init__(self, workbench: Workbench, opening: Opening, csrf: str) -> None:
        self.csrf = csrf
        self._workbench = workbench
        self._opening = opening
        environment = Environment(
            loader=PackageLoader("insource.dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._template = environment.get_template("review.html.j2")

    def home(self, request: Request) -> Response:
        return RedirectResponse(review_url(self._opening.queue, self._opening.who), 303)

    def show(self, request: Request) -> Response:
        """Show one row. Without ``row`` in the address, redirect to the next undecided row, if any."""
        queue, who = _queue(request.query_params.get("queue")), _who(request.query_params.get("who", ""))
        row = request.query_params.get("row")
        if row is None and (index := self._workbench.following(queue, who)) is not None:
            return RedirectResponse(review_url(queue, who, index), 303)
        view = review_view(self._workbench, queue, who, None if row is None else self._row(row))
        content = self._template.render(
            view=view,
            title=visible(self._opening.title),
            reviews=self._opening.reviews,
            csrf=self.csrf,
            queues=QUEUES,
            keys=[(key, shown(key)) for key in KEYS],
            skip=self._skip(queue, who, view.item.index) if view.item else "",
            visible=visible,
        )
        return HTMLResponse(content)

    def document(self, request: Request) -> Response:
        """Return the whole document as plain text."""
        return PlainTextResponse(self._workbench.rows[self._row(request.query_params.get("row", ""))].input)

    async def save(self, request: Request) -> Response:
        body = await _body(request)
        return await _answered(lambda: self._save(body))

    async def undo(self, request: Request) -> Response:
        body = await _body(request)
        return await _answered(lambda: self._undo(body))

    def _save(self, body: dict[str, Any]) -> str:
        queue, who, index = _queue(body.get("queue")), _who(body.get("who")), self._row(body.get("row"))
        given = body.get("fields")
        if not isinstance(given, list):
            raise HTTPException(400, "`fields` must be a list.")
        self._workbench.save(who, index, [_verdict(one) for one in given])
        return self._skip(queue, who, index)

    def _undo(self, body: dict[str, Any]) -> str:
        queue, who = _queue(body.get("queue")), _who(body.get("who"))
        index = self._workbench.undo(who)
        if index is None:
            raise NotSaved("There is nothing to undo.")
        return review_url(queue, who, index)

    def _skip(self, queue: QueueName, who: str, index: int) -> str:
        return review_url(queue, who, self._workbench.following(queue, who, index))

    def _row(self, value: Any) -> int:
        index = int(value) if str(value).isascii() and str(value).isdigit() else -1
        if not 0 <= index < len(self._workbench.rows):
            raise HTTPException(404, "There is no such row.")
        return index


async def _answered(work: Callable[[], str]) -> Response:
    """Return the next address, or the reason for a refusal. An invalid reviews file is never overwritten."""
    try:
        return JSONResponse({"next": await run_in_threadpool(work)})
    except NotSaved as refused:
        # Status 200: a message for the reviewer, not an HTTP error
        return JSONResponse({"error": str(refused)})
    except InsourceError as error:
        return JSONResponse({"error": _in_words(error)}, 409)


def _trouble(request: Request, error: Exception) -> Response:
    return PlainTextResponse(_in_words(error) if isinstance(error, InsourceError) else str(error), 409)


def _in_words(error: InsourceError) -> str:
    return "\n".join([error.message, *error.details, error.hint])


async def _body(request: Request) -> dict[str, Any]:
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) > MAX_BODY_BYTES:
            raise HTTPException(413, "The request is too large.")
    try:
        body = strict_json(held.decode())
    except ValueError as error:
        raise HTTPException(400, f"The request is not JSON: {error}.") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "The request must be a JSON object.")
    return body


def _queue(name: Any) -> QueueName:
    if name not in QUEUES:
        raise HTTPException(404, f"There is no such queue. The queues are {', '.join(QUEUES)}.")
    return cast("QueueName", name)


def _who(name: Any) -> str:
    who = name.strip() if isinstance(name, str) else ""
    if not 0 < len(who) <= MAX_NAME or not who.isprintable():
        raise HTTPException(400, f"Enter the name of the reviewer, at most {MAX_NAME} characters.")
    return who


def _verdict(given: Any) -> FieldVerdict:
    known = isinstance(given, dict) and given.get("verdict") in ("accepted", "edited", "rejected")
    if not known or not isinstance(given.get("field"), str):
        raise HTTPException(400, "The verdict on a field must be accepted, edited or rejected.")
    choice, text = given.get("choice"), given.get("text", "")
    if not isinstance(text, str) or not (choice is None or type(choice) is int):
        raise HTTPException(400, "`text` must be a string, and `choice` the index of a choice.")
    return FieldVerdict(given["field"], given["verdict"], text, choice)
