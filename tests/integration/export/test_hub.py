"""An export goes to a hub when a person asks for it by name, and not from a local-only task."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from insource.export.hub import upload
from insource.foundation.errors import InsourceError, PrerequisiteError, ProviderError, UserError
from insource.training import offline


def created(state, said):
    """Make the repository, or leave the one that is there; the status of the answer."""
    if state["private"] is not None:
        return 409
    state["private"] = said.get("private", said.get("visibility") == "private")
    return 200


@pytest.fixture
def hub(monkeypatch):
    """A hub on loopback that takes small files, as the Hugging Face Hub's API does."""
    state = {"files": {}, "private": None, "tokens": set(), "requests": 0, "fails": ""}

    class Hub(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def _answer(self, status, value):
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self):
            there = self.path == "/api/models/me/specs" and state["private"] is not None
            self._answer(200 if there else 404, {"id": "me/specs", "private": state["private"]})

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            state["requests"] += 1
            state["tokens"].add(self.headers.get("authorization"))
            if state["fails"] and state["fails"] in self.path:
                self._answer(403, {"error": "this token may not write"})
            elif self.path == "/api/repos/create":
                self._answer(created(state, json.loads(body)), {"url": f"{state['url']}/me/specs"})
            elif self.path == "/api/validate-yaml":
                self._answer(200, {"errors": [], "warnings": []})
            elif "/preupload/" in self.path:
                files = [
                    {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for file in json.loads(body)["files"]
                ]
                self._answer(200, {"files": files})
            elif "/commit/" in self.path:
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        value = line["value"]
                        state["files"][value["path"]] = base64.b64decode(value["content"])
                self._answer(200, {"commitUrl": f"{state['url']}/me/specs/commit/1", "commitOid": "1"})
            else:
                self._answer(404, {"error": self.path})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state["url"] = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", state["url"])
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr("insource.training.offline.FORBIDDEN", False)  # whatever this machine forbids
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    (tmp_path / "README.md").write_text("# specs")
    return tmp_path


def test_every_file_arrives_in_one_private_repository(hub, folder):
    address = upload(folder, "me/specs", privacy="cloud-allowed")
    assert address == f"{hub['url']}/me/specs"
    assert hub["files"] == {"README.md": b"# specs", "adapter/adapter_config.json": b"{}"}
    assert hub["private"] is True
    assert hub["tokens"] == {"Bearer hf_secret"}


def test_a_public_repository_takes_files_only_when_asked_for(hub, folder):
    upload(folder, "me/specs", privacy="cloud-allowed", public=True)
    assert hub["private"] is False
    hub["files"].clear()
    with pytest.raises(UserError) as caught:
        upload(folder, "me/specs", privacy="cloud-allowed")
    assert caught.value.code == "hub-public"
    assert not hub["files"]
    upload(folder, "me/specs", privacy="cloud-allowed", public=True)
    assert hub["files"]


def test_a_local_only_task_uploads_nothing(hub, folder, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://huggingface.co")
    with pytest.raises(UserError) as caught:
        upload(folder, "me/specs", privacy="local-only")
    assert caught.value.code == "local-only"
    assert hub["requests"] == 0


def test_a_switched_off_hub_is_not_asked(hub, folder, monkeypatch):
    monkeypatch.setattr(offline, "FORBIDDEN", True)
    with pytest.raises(PrerequisiteError) as caught:
        upload(folder, "me/specs", privacy="cloud-allowed")
    assert caught.value.code == "hub-switched-off"
    assert hub["requests"] == 0


@pytest.mark.parametrize("name", ["specs", "me/", "/specs", "me/specs/more"])
def test_a_name_without_an_owner_is_refused(hub, folder, name):
    with pytest.raises(UserError) as caught:
        upload(folder, name, privacy="cloud-allowed")
    assert caught.value.code == "hub-name"
    assert hub["requests"] == 0


@pytest.mark.parametrize("step", ["create", "preupload", "commit"])
def test_a_refusal_is_an_error_with_the_reason(hub, folder, step):
    hub["fails"] = step
    with pytest.raises(ProviderError) as caught:
        upload(folder, "me/specs", privacy="cloud-allowed")
    assert caught.value.code == "hub-failed"
    assert "403" in caught.value.message
    assert "hf_secret" not in str(caught.value)
    assert not hub["files"]


def test_without_a_token_nothing_is_sent(hub, folder, monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(InsourceError) as caught:
        upload(folder, "me/specs", privacy="cloud-allowed")
    assert caught.value.code == "hub-key"
    assert hub["requests"] == 0
