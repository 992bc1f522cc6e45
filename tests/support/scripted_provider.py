"""A provider on loopback that answers as told, over real HTTP."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ScriptedProvider(ThreadingHTTPServer):
    """Gives the scripted (status, body) or (status, body, headers) in turn, the last one for ever after.

    A body may be a function of the request's document. ``seen`` has (path, authorization, document)."""

    def __init__(self, *script):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script, self.seen = list(script), []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=lambda: self.serve_forever(0.01), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((self.path, self.headers["authorization"], asked))
        script = self.server.script
        status, answer, *more = script.pop(0) if len(script) > 1 else script[0]
        answer = answer(asked) if callable(answer) else answer
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.send_response(status)
        for name, value in (more[0] if more else {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass
