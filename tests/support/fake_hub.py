"""A model hub on loopback: the paths that ``huggingface_hub`` asks, over a folder of files."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "a1" * 20
LARGE = (".safetensors", ".bin")


class Hub:
    """One repository ``org/tiny``. ``asked`` are the paths in order; ``answers`` are statuses by path."""

    def __init__(self, folder):
        self.folder, self.asked, self.tokens = folder, [], []
        self.commit, self.status, self.corrupt, self.cut = COMMIT, 200, "", ""

    def files(self):
        return {
            path.relative_to(self.folder).as_posix(): path
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def tree(self):
        entries = []
        for file in self.described()["siblings"]:
            entry = {"type": "file", "path": file["rfilename"], "size": file["size"], "oid": file["blobId"]}
            if lfs := file.get("lfs"):
                entry["lfs"] = {"oid": lfs["sha256"], "size": lfs["size"], "pointerSize": 134}
            entries.append(entry)
        return entries

    def described(self):
        siblings = []
        for name, path in self.files().items():
            content = path.read_bytes()
            entry = {"rfilename": name, "size": len(content), "blobId": hashlib.sha1(content).hexdigest()}
            if name.endswith(LARGE):
                sha256 = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
            siblings.append(entry)
        return {"id": "org/tiny", "sha": self.commit, "siblings": siblings, "private": False, "tags": []}

    def respond(self, path):
        """The status, the content and the headers for a path."""
        if self.status != 200:
            return (
                self.status,
                b"{}",
                {"X-Error-Code": {403: "GatedRepo", 404: "RepoNotFound"}.get(self.status, "")},
            )
        if path.startswith("/api/models/org/tiny/tree/"):
            return 200, json.dumps(self.tree()).encode(), {}
        if path.startswith("/api/models/org/tiny"):
            return 200, json.dumps(self.described()).encode(), {}
        name = path.partition("/resolve/")[2].partition("/")[2]
        if name not in self.files():
            return 404, b"{}", {"X-Error-Code": "EntryNotFound"}
        content = self.files()[name].read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": self.commit}
        if name == self.corrupt:
            content = content[:-1] + bytes([content[-1] ^ 1])
        return 200, content, headers


class Handler(BaseHTTPRequestHandler):
    """Answers for the hub of its server."""

    def do_GET(self):
        self.answer(body=True)

    def do_HEAD(self):
        self.answer(body=False)

    def answer(self, *, body):
        hub, path = self.server.hub, self.path.partition("?")[0]
        hub.asked.append(path)
        hub.tokens.append(self.headers.get("authorization"))
        status, content, headers = hub.respond(path)
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = bool(hub.cut) and path.endswith(hub.cut)
        if body:
            self.wfile.write(content[: len(content) // 2] if self.close_connection else content)

    def log_message(self, *arguments):
        pass


@contextmanager
def fake_hub(folder):
    """Serve ``folder`` as the repository ``org/tiny``; give the hub and its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.hub = Hub(folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
