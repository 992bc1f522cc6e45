"""A model hub on loopback: the paths that ``huggingface_hub`` asks, over a folder of files."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath

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


@contextmanager
def fake_hub(folder):
    """Serve ``folder`` as the repository ``org/tiny``; give the hub and its address."""
    hub = Hub(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(body=True)

        def do_HEAD(self):
            self.answer(body=False)

        def answer(self, *, body):
            path = self.path.partition("?")[0]
            hub.asked.append(path)
            hub.tokens.append(self.headers.get("authorization"))
            headers = {}
            if hub.status != 200:
                headers = {"X-Error-Code": {403: "GatedRepo", 404: "RepoNotFound"}.get(hub.status, "")}
                return self.reply(hub.status, b"{}", headers, body=body)
            if path.startswith("/api/models/org/tiny/tree/"):
                return self.reply(200, json.dumps(hub.tree()).encode(), headers, body=body)
            if path.startswith("/api/models/org/tiny"):
                return self.reply(200, json.dumps(hub.described()).encode(), headers, body=body)
            _, _, rest = path.partition("/resolve/")
            name = PurePosixPath(rest).relative_to(rest.split("/")[0]).as_posix() if rest else ""
            if name not in hub.files():
                return self.reply(404, b"{}", {"X-Error-Code": "EntryNotFound"}, body=body)
            content = hub.files()[name].read_bytes()
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": hub.commit}
            if name == hub.corrupt:
                content = bytes(content[:-1]) + bytes([content[-1] ^ 1])
            return self.reply(200, content, headers, body=body, cut=name == hub.cut)

        def reply(self, status, content, headers, *, body, cut=False):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content[: len(content) // 2] if cut else content)
            self.close_connection = cut

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
