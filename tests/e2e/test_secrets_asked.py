"""Secrets of prometheus, dns and cert: a server that repeats all it was told, names and files that need one; nothing of it is shown."""
import base64

import pytest

import servers_dns
from agent import runbookd
from pki import Pki
from service import Answer, Service

SECRETS = {"TOKEN": "tok-31415926", "PASSWORD": "pw-27182818", "KEY": "key-16180339"}
FORBIDDEN = [*SECRETS.values(), base64.b64encode(f"me:{SECRETS['PASSWORD']}".encode()).decode()]


def repeat(request):
    """All that was asked, headers and address, as a proxy's debug page would show it."""
    return "".join(f"{name}: {value}\n" for name, value in request.headers.items()) + request.path


@pytest.fixture
def parrot():
    """Answers each question with a 500 that holds the question, or as `parrot.answer` says."""
    service = Service()
    service.answer = lambda request: Answer(500, repeat(request), "text/plain")

    class Routes(dict):
        def get(self, key, default=None):
            return service.answer

    service.routes = Routes()
    yield service
    service.close()


@pytest.fixture
def quiet(tmp_path):
    """quiet(text) runs every check of a configuration, holds that no secret was written, and returns findings by name.
    In the text TOKEN and its like stand for references: a secret comes from a file, or from the environment where an option is one."""

    def run(text):
        for name, value in SECRETS.items():
            (tmp_path / name).write_text(value + "\n")
            text = text.replace(f"<{name}>", f"${{file:{tmp_path}/{name}}}")
        (tmp_path / "c.yaml").write_text("version: 1\ntargets:\n" + text)
        result = runbookd("once", "--format", "ndjson", "-c", tmp_path / "c.yaml", env=SECRETS)
        said = result.out + result.err
        assert not [word for word in FORBIDDEN if word in said], said
        assert result.events, said
        return {event["name"]: event for event in result.events}

    return run


LOGINS = {
    "bearer": ", bearer: '${env:TOKEN}'",
    "basic": ", user: me, password: '${env:PASSWORD}'",
    "header": ", headers: {X-Api-Key: '${env:KEY}', Authorization: 'Token ${env:TOKEN}'}",
}


@pytest.mark.parametrize("how", [*LOGINS, "url"])
def test_prometheus_does_not_repeat_its_login(quiet, parrot, how):
    url = f"http://me:${{env:PASSWORD}}@127.0.0.1:{parrot.port}" if how == "url" else parrot.url
    checks = ("connect: {}, target_up: {}, alerts: {}, q: {check: query, promql: 'x{key=\"<KEY>\"}'}, "
              "e: {check: error_rate}, l: {check: latency}, s: {check: scrape, metric: x, path: '/metrics?key=<KEY>'}")
    target = f"  p: {{type: prometheus, url: '{url}'{LOGINS.get(how, '')}, checks: {{{checks}}}}}\n"
    found = quiet(target)
    assert "[redacted]" in str(found), found
    asked = parrot.asked[-1]
    assert any(word in repeat(asked) for word in FORBIDDEN), repeat(asked)  # it was told, indeed
    parrot.answer = lambda request: Answer(400, {"status": "error", "errorType": "bad_data", "error": repeat(request)})
    assert "Prometheus says" in str(quiet(target))
    parrot.answer = lambda request: Answer(200, {"status": "success", "data": {"resultType": "vector", "result": [
        {"metric": {"job": SECRETS["KEY"]}, "value": [1, "1"]}]}, "warnings": [repeat(request)]})
    assert "[redacted]" in str(quiet(target))


def test_names_and_files_that_hold_a_secret(quiet):
    """A name that is asked for, an alias of it, a text record: whatever a secret was put into is taken out again."""
    bind = servers_dns.Named(shop_test=servers_dns.SHOP + f"{SECRETS['KEY']} TXT \"{SECRETS['TOKEN']}\"\n")
    pki = Pki()
    try:
        bundle = pki.dir / "with-key.p12"
        pki._openssl("pkcs12", "-export", "-in", str(pki.chain("good")), "-inkey", str(pki.key("good")), "-passout", f"pass:{SECRETS['PASSWORD']}",
                     "-out", str(bundle))
        found = quiet(f"  d: {{type: dns, servers: ['127.0.0.1:{bind.port}'], checks: {{resolve: {{name: '<KEY>.shop.test', type: TXT, expect: ['<TOKEN>']}}}}}}\n"
                      f"  c: {{type: cert, checks: {{endpoint: off, file: {{path: '{bundle}', password: '${{env:PASSWORD}}'}}, "
                      f"wrong: {{check: file, path: '{bundle}', password: '${{env:KEY}}'}}}}}}\n")
        assert found["resolve"]["status"] == "ok" and "[redacted]" in found["resolve"]["evidence"]["question"], found["resolve"]
        assert found["file"]["status"] == "ok" and found["wrong"]["status"] == "unknown", found
    finally:
        bind.close()
        pki.close()
