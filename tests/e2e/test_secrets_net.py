"""What the network plugins send and nobody may read: not in findings, not in the log, not in the state, when things fail.

The peer does its worst: it sends back what it was sent, in a body, a header, a redirect, or as no HTTP at all."""
import base64
import json
import pathlib
import socket
import threading
import urllib.parse

import pytest

import servers
from agent import SECRETS

SHORT = SECRETS[0]
LONG = "lt-" + "0f9e8d7c" * 16  # longer than what findings quote of a value
TOKEN = "tk-" + "a1b2c3d4" * 12  # that the agent fetches itself


class Echo:
    """Answers a connection with what it was sent, as `how` says; a token where one is asked for."""

    def __init__(self, how):
        self.how = how
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.seen = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def answer(self, client):
        with client:
            client.settimeout(5)
            try:
                asked = self.read(client)
                self.seen.append(asked)
                client.sendall(self.reply(asked))
            except OSError:
                pass  # it has heard enough

    @staticmethod
    def read(client):
        asked = b""
        while b"\r\n\r\n" not in asked:
            part = client.recv(65536)
            if not part:
                return asked
            asked += part
            if not asked.startswith((b"GET ", b"POST ")):
                return asked
        head = asked.split(b"\r\n\r\n")[0].decode()
        length = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0)
        while len(asked) < len(head) + 4 + length:
            asked += client.recv(65536)
        return asked

    def reply(self, asked):
        if b"POST /token" in asked:
            body = json.dumps({"access_token": TOKEN, "expires_in": 3600} if self.how != "token" else {"error": asked.decode()}).encode()
            return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
                400 if self.how == "token" else 200, len(body), body)
        line = asked.decode(errors="replace").replace("\r\n", " ").strip()
        body = json.dumps({"you": line, "error": {"code": line, "message": line}, "quote": [w for w in line.split() if len(w) > 12][-1:]}).encode()
        head = {"body": "500 Broken", "json": "200 OK", "header": f"200 OK\r\nX-Echo: {line}\r\nRateLimit-Remaining: {line}",
                "redirect": f"302 Found\r\nLocation: /{urllib.parse.quote(line)}?q={urllib.parse.quote(line)}", "denied": "401 No"}.get(self.how)
        if head is None:  # no HTTP
            return asked
        return f"HTTP/1.1 {head}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body

    def close(self):
        self.server.close()


CHECKS = """
      endpoint: {every: 300ms, timeout: 5s, expect_json: {you: nothing, "quote[0]": nothing}, expect_headers: {X-Echo: nothing}, redirects: 1}
      plain: {check: endpoint, every: 300ms, timeout: 5s, expect_json: {"quote[0]": nothing}}
      api: {check: api, every: 300ms, timeout: 5s, path: /a}
      slow: {check: latency, every: 300ms, timeout: 5s, samples: 2, pause: 1ms}
      quota: {check: rate_limit, every: 300ms, timeout: 5s}
      login: {check: synthetic, every: 300ms, timeout: 5s, steps: [{post: /login, json: {password: REF}, expect: [200], expect_json: {you: nothing}}]}"""

CHECKED = ("endpoint", "plain", "api", "slow", "login")  # `quota` of an answer that says nothing is asked seldom

LOGINS = {
    "bearer": "bearer: REF",
    "basic": "user: probe\n    password: REF",
    "header": "headers: {X-Api-Key: REF, Cookie: REF}",
    "oauth": "oauth2: {token_url: 'URL/token', client_id: probe, client_secret: REF}",
    "oauth-body": "oauth2: {token_url: 'URL/token', client_id: probe, client_secret: REF, auth: body}",
    "url": "{}",
}


def config(tmp_path, url, secret):
    """A target for each login; a secret in the URL itself as well."""
    (tmp_path / "secret").write_text(secret + "\n")
    text = f"version: 1\nagent: {{emit: all, state: {tmp_path / 'state'}}}\ntargets:\n"
    for name, login in LOGINS.items():
        at = url.replace("://", f"://probe:{secret}@") if name == "url" else url
        text += f"  {name}:\n    type: http\n    url: {at}/\n" + (f"    {login}\n" if name != "url" else "") + f"    checks:{CHECKS}\n"
    return text.replace("URL", url).replace("REF", '"${file:%s}"' % (tmp_path / "secret"))


def forms(secret):
    """A secret as it is, as it is escaped, as basic authentication sends it, and the first half of each."""
    basic = base64.b64encode(f"probe:{secret}".encode()).decode()
    whole = [secret, basic, urllib.parse.quote(secret, safe="")]
    return whole + [form[:max(16, len(form) // 2)] for form in whole]


def kept_nowhere(running, tmp_path, *secrets):
    """Nothing that the agent said or wrote holds any of them."""
    running.end(code=None)
    said = json.dumps(running.events) + "".join(running.errors)
    state = b"".join(file.read_bytes() for file in pathlib.Path(tmp_path / "state").rglob("*") if file.is_file())
    assert state, "there is a state to look at"
    for secret in secrets:
        for form in forms(secret):
            at = said.find(form)
            assert at < 0, f"{form} was said: {said[max(0, at - 300):at + 100]}"
            assert form.encode() not in state, f"{form} was written"


@pytest.mark.parametrize("secret", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("how", ["body", "json", "header", "redirect", "denied", "garbage", "token"])
def test_a_service_that_sends_back_what_it_was_sent(agent, tmp_path, how, secret):
    echo = Echo(how)
    running = agent(config(tmp_path, f"http://127.0.0.1:{echo.port}", secret))
    for target in LOGINS:
        for check in CHECKED:
            running.wait_for(lambda e: e["kind"] == "finding" and e["target"] == target and (e["name"] == check or check in e.get("held", [])), seconds=40)
    basic = base64.b64encode(f"probe:{secret}".encode())
    seen = b"\n".join(echo.seen)
    echo.close()
    assert secret.encode() in seen and basic in seen, "it was sent"
    assert any(e["status"] != "ok" for e in running.events if e["kind"] == "finding"), "something fails"
    kept_nowhere(running, tmp_path, secret, TOKEN)


def test_a_service_that_is_gone(agent, tmp_path):
    running = agent(config(tmp_path, f"http://127.0.0.1:{servers.free_port()}", SHORT))
    for target in LOGINS:
        running.wait_for(lambda e: e["kind"] == "finding" and e["target"] == target and e["status"] in ("critical", "unknown"), seconds=40)
    kept_nowhere(running, tmp_path, SHORT)


@pytest.mark.parametrize("secret", [SHORT, LONG], ids=["short", "long"])
def test_what_tcp_sends(agent, tmp_path, secret):
    """The answer is quoted as it came; what of it we sent is taken out."""
    echo = Echo("garbage")
    (tmp_path / "secret").write_text(secret + "\n")
    running = agent(f"version: 1\nagent: {{emit: all, state: {tmp_path / 'state'}}}\ntargets:\n"
                    f'  t: {{type: tcp, url: "tcp://127.0.0.1:{echo.port}", checks: {{connect: {{every: 300ms, timeout: 5s, send: "${{file:{tmp_path / "secret"}}}", expect: ^PONG}}}}}}\n'
                    f'  gone: {{type: tcp, url: "tcp://127.0.0.1:{servers.free_port()}", checks: {{connect: {{every: 300ms, send: "${{file:{tmp_path / "secret"}}}", expect: ^PONG}}}}}}\n')
    event = running.wait_status("t", "connect", "critical")
    assert "[redacted]" in json.dumps(event["evidence"]), event
    running.wait_status("gone", "connect", "critical")
    assert secret.encode() in b"".join(echo.seen)
    echo.close()
    kept_nowhere(running, tmp_path, secret)
