"""A vLLM and an Ollama on loopback that speak the protocol and know a few models; they generate nothing.

Status codes, paths and fields are those of vLLM 0.32.0 and of Ollama's API reference. ``answers`` are texts
to give, ``asked`` is what came in.
"""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Fake:
    def __init__(self):
        self.asked = []
        self.answers = ["{}"]
        self.key = None

    def said(self, path):
        return [body for asked, body in self.asked if asked == path]

    def next_answer(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class FakeVllm(_Fake):
    """``control`` are its control tokens; ``guidance`` says whether its grammar backend is llguidance."""

    def __init__(self, control, *, guidance=True, base="base"):
        super().__init__()
        self.control, self.guidance, self.base = control, guidance, base
        self.adapters = {}
        self.broken_adapters = ()
        self.context_tokens = 512

    def answer(self, path, body):
        if path == "/health":
            return 200, None
        if path == "/v1/models":
            models = [{"id": self.base, "parent": None}]
            models += [{"id": name, "parent": self.base} for name in self.adapters]
            return 200, {"object": "list", "data": models}
        if path == "/v1/load_lora_adapter":
            return self._load(body["lora_name"], body["lora_path"])
        if path == "/v1/unload_lora_adapter":
            if self.adapters.pop(body["lora_name"], None) is None:
                return 404, {"error": {"message": f"The lora adapter '{body['lora_name']}' cannot be found."}}
            return 200, None
        if body["model"] not in {self.base, *self.adapters}:
            return 404, {"error": {"message": f"The model `{body['model']}` does not exist."}}
        if path == "/tokenize":
            text = body.get("prompt") or "".join(message["content"] for message in body["messages"])
            tokens = [self.control[text]] if text in self.control else list(text.encode())
            return 200, {"count": len(tokens), "max_model_len": 512, "tokens": tokens}
        assert path == "/v1/completions", path
        return self._complete(body)

    def _load(self, name, path):
        if name in self.adapters:
            return 400, {"error": {"message": f"The lora adapter '{name}' has already been loaded."}}
        if path in self.broken_adapters:
            return 400, {"error": {"message": "LoRA rank 128 is greater than max_lora_rank 64."}}
        self.adapters[name] = path
        return 200, None

    def _complete(self, body):
        if len(body["prompt"]) > self.context_tokens:
            return 400, {"error": {"message": "This model's maximum context length is 5 tokens."}}
        grammar = body.get("structured_outputs", {}).get("grammar", "")
        if grammar and not self.guidance:
            return 400, {"error": {"message": "Grammar error: unexpected %llguidance"}}
        text = "ab" if grammar.endswith('start: "ab"') else self.next_answer()
        choice = {"text": text, "finish_reason": "stop", "logprobs": None}
        if body.get("logprobs"):
            # The stop token ends the list, and what the grammar forbids is at -9999.
            ids = [f"token_id:{byte}" for byte in text.encode()] + [f"token_id:{self.control['<|im_end|>']}"]
            choice["logprobs"] = {
                "tokens": ids,
                "token_logprobs": [-0.5] * len(ids),
                "top_logprobs": [{one: -0.5, "token_id:0": -2.0, "token_id:9": -9999.0} for one in ids],
            }
        return 200, {
            "choices": [choice],
            "usage": {"prompt_tokens": len(body["prompt"]), "completion_tokens": len(text.encode())},
        }


class FakeOllama(_Fake):
    """``models`` are the answers to ``/api/show`` by name."""

    def __init__(self, models):
        super().__init__()
        self.models = models

    def answer(self, path, body):
        if path == "/api/version":
            return 200, {"version": "0.17.1"}
        if path == "/api/tags":
            return 200, {"models": [{"name": f"{name}:latest"} for name in self.models]}
        if body["model"] not in self.models:
            return 404, {"error": f"model '{body['model']}' not found"}
        if path == "/api/show":
            return 200, self.models[body["model"]]
        assert path == "/api/chat", path
        return 200, {
            "message": {"role": "assistant", "content": self.next_answer()},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 20,
            "eval_count": 5,
        }


@contextmanager
def listening(fake):
    """Serve a fake on a free port; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            self._reply({})

        def do_POST(self):
            self._reply(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def _reply(self, body):
            fake.asked.append((self.path, body))
            status, answer = fake.answer(self.path, body)
            if fake.key and self.headers.get("authorization") != f"Bearer {fake.key}":
                status, answer = 401, {"error": "Unauthorized"}
            sent = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
