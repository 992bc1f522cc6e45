"""A provider on loopback that says what a test tells it to, byte for byte."""

import contextlib
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """``pieces`` are sent one by one; ``cut`` breaks the connection off after the last of them."""

    pieces: object
    status: int = 200
    content_type: str = "application/json"
    headers: dict = field(default_factory=dict)
    cut: bool = False


@dataclass
class Seen:
    path: str
    headers: dict
    body: bytes


class Fake:
    """Set ``answer`` to an ``Answer`` or to a function from what was ``Seen`` to one."""

    def __init__(self, url):
        self.url = url
        self.answer = None
        self.seen = []


@contextmanager
def fake_provider():
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen = Seen(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            fake.seen.append(seen)
            answer = fake.answer(seen) if callable(fake.answer) else fake.answer
            self.send_response(answer.status)
            headers = {"content-type": answer.content_type, "transfer-encoding": "chunked"}
            for name, value in (headers | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for piece in answer.pieces:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.flush()
                if not answer.cut:
                    self.wfile.write(b"0\r\n\r\n")
            except OSError:  # the client is gone
                answer.cut = True
            self.close_connection = answer.cut

        def handle(self):
            with contextlib.suppress(ConnectionError):  # a client that went away between two requests
                super().handle()

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake = Fake(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


def stream(data, size=400):
    """An answer of server-sent events, in pieces of this many bytes."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return Answer(pieces, content_type="text/event-stream; charset=utf-8")
