"""TLS to the upstream and a CONNECT proxy on the way, by the real command with a CA made here."""

import asyncio
import base64
import shutil
import signal
import ssl
import subprocess

import httpx2
import pytest
from support.gateway_process import WAIT_S, recorded, running
from support.loopback_server import LoopbackServer
from support.upstream_kit import RawUpstream, always, reply, streamed

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")

FAR = "models.provider.test"  # resolved by nobody but the proxy
ANSWER = (
    b'{"id":"far","object":"chat.completion","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}'
)
KEY = "sk-the-caller-s-own-key-4471"  # taken out of the log by its shape, and never in an error to begin with
PASSWORD = "p%40ss-word"


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA, and a certificate by it for localhost and for the far name."""
    folder = tmp_path_factory.mktemp("ca")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl(
        folder,
        "req",
        "-x509",
        *key,
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-days",
        "2",
        "-subj",
        "/CN=ca",
        *usage,
    )
    openssl(folder, "req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server")
    (folder / "names").write_text(f"subjectAltName=DNS:localhost,DNS:{FAR}\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl(folder, "x509", "-req", "-in", "server.csr", *signed, "-out", "server.pem")
    return folder


@pytest.fixture
def upstream(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem", authority / "server.key")
    with RawUpstream(always(reply(ANSWER)), tls=context) as running_upstream:
        yield running_upstream


class ConnectProxy(LoopbackServer):
    """Opens tunnels to one port whatever the name, or answers ``refusal``; ``heads`` is what it was asked."""

    def __init__(self, port):
        self.heads = []
        self.refusal = b""
        self._to = port

    @property
    def url(self):
        return f"http://user:{PASSWORD}@127.0.0.1:{self.port}"

    async def serve(self, reader, writer):
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if self.refusal:
                writer.write(self.refusal)
                await writer.drain()
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            try:
                await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
            finally:
                far_writer.transport.abort()
        finally:
            writer.transport.abort()

    async def _pump(self, reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@pytest.fixture
def proxy(upstream):
    with ConnectProxy(upstream.port) as running_proxy:
        yield running_proxy


def configure(folder, base_url):
    text = f'[upstreams.openai]\nbase_url = "{base_url}"\nconnect_timeout_s = 5\n'
    (folder / "insource.toml").write_text(text)


def trusting(authority, **more):
    names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")
    clean = dict.fromkeys(names)
    return clean | {"SSL_CERT_FILE": str(authority / "ca.pem")} | more


def ask(root, **more):
    return httpx2.post(
        f"{root}/v1/chat/completions",
        json={"model": "m", "messages": [{"role": "user", "content": "Hello"}], **more},
        headers={"authorization": f"Bearer {KEY}"},
        trust_env=False,
        timeout=WAIT_S,
    )


def stopped(gateway):
    gateway.send(signal.SIGTERM)
    assert gateway.ended() == 0


def refused_and_recorded(folder, answer, why, code="upstream-unreachable"):
    """A clear 502, the reason on record, and neither key nor password anywhere."""
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, code)
    (call,) = recorded(folder)
    assert (call.outcome, call.status) == ("error", 502)
    assert why in call.error
    said = answer.content + b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    for secret in (KEY, PASSWORD, "p@ss-word", base64.b64encode(b"user:p@ss-word").decode()):
        assert secret.encode() not in said


def test_an_upstream_behind_tls(tmp_path, upstream, authority):
    configure(tmp_path, f"https://localhost:{upstream.port}/v1")
    with running(tmp_path, trusting(authority)) as gateway:
        assert [ask(gateway.root).content for _ in range(3)] == [ANSWER] * 3
        stopped(gateway)
    assert upstream.connections == 1  # and kept
    assert dict(upstream.seen[0].headers)["authorization"] == f"Bearer {KEY}"
    assert [call.outcome for call in recorded(tmp_path)] == ["ok"] * 3


def test_a_certificate_that_nobody_here_trusts(tmp_path, upstream, authority):
    configure(tmp_path, f"https://localhost:{upstream.port}/v1")
    with running(tmp_path, trusting(authority, SSL_CERT_FILE=str(authority / "server.pem"))) as gateway:
        answer = ask(gateway.root)
        stopped(gateway)
    refused_and_recorded(tmp_path, answer, "CERTIFICATE_VERIFY_FAILED", "upstream-untrusted")
    assert upstream.seen == []


def test_a_certificate_for_another_name(tmp_path, upstream, authority):
    configure(tmp_path, f"https://127.0.0.1:{upstream.port}/v1")
    with running(tmp_path, trusting(authority)) as gateway:
        answer = ask(gateway.root)
        stopped(gateway)
    refused_and_recorded(tmp_path, answer, "IP address mismatch", "upstream-untrusted")
    assert upstream.seen == []


def test_through_a_connect_proxy(tmp_path, upstream, proxy, authority):
    configure(tmp_path, f"https://{FAR}/v1")
    pieces = [b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n']
    pieces.append(b"data: [DONE]\n\n")
    with running(tmp_path, trusting(authority, HTTPS_PROXY=proxy.url)) as gateway:
        assert [ask(gateway.root).content for _ in range(3)] == [ANSWER] * 3
        upstream.answer = streamed(pieces)
        assert ask(gateway.root, stream=True).content == b"".join(pieces)
        stopped(gateway)
    (head,) = proxy.heads  # one tunnel for all
    lines = head.split("\r\n")
    assert lines[:2] == [f"CONNECT {FAR}:443 HTTP/1.1", f"Host: {FAR}:443"]
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'user:p@ss-word').decode()}" in lines
    assert KEY not in head
    assert {dict(asked.headers)["host"] for asked in upstream.seen} == {FAR}
    assert "proxy-authorization" not in dict(upstream.seen[0].headers)
    assert [call.outcome for call in recorded(tmp_path)] == ["ok"] * 4


def test_the_certificate_is_checked_behind_the_proxy_too(tmp_path, upstream, proxy, authority):
    configure(tmp_path, "https://elsewhere.provider.test/v1")
    with running(tmp_path, trusting(authority, HTTPS_PROXY=proxy.url)) as gateway:
        answer = ask(gateway.root)
        stopped(gateway)
    refused_and_recorded(tmp_path, answer, "Hostname mismatch", "upstream-untrusted")
    assert upstream.seen == []


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy Authentication Required"),
        (b"HTTP/1.1 200", "no answer"),
        (b"SSH-2.0-server\r\n\r\n", "refused"),
    ],
)
def test_a_proxy_that_opens_no_tunnel(tmp_path, upstream, proxy, authority, refusal, why):
    proxy.refusal = refusal
    configure(tmp_path, f"https://{FAR}/v1")
    with running(tmp_path, trusting(authority, HTTPS_PROXY=proxy.url)) as gateway:
        answer = ask(gateway.root)
        stopped(gateway)
    refused_and_recorded(tmp_path, answer, why)
    assert upstream.seen == []


def test_what_no_proxy_names_and_this_machine_go_past_the_proxy(tmp_path, upstream, proxy, authority):
    """The far name cannot be resolved here, which is how the test knows that nobody else was asked."""
    base = f"https://localhost:{upstream.port}/v1"
    configure(tmp_path, f"https://{FAR}/v1")
    with (tmp_path / "insource.toml").open("a") as file:
        file.write(f'[upstreams.near]\nbase_url = "{base}"\n')
    environment = trusting(authority, HTTPS_PROXY=proxy.url, NO_PROXY="other.test,.provider.test")
    with running(tmp_path, environment) as gateway:
        assert ask(f"{gateway.root}/u/near").content == ANSWER
        assert ask(gateway.root).status_code in (502, 504)
        stopped(gateway)
    assert proxy.heads == []
