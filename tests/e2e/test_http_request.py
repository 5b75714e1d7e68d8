"""The http plugin's action `request` on a real server: planned without a change, sent once, judged, taken back; secrets grepped."""
import json
import socket
import threading
import time

import pytest

from acting import act
from agent import runbookd
from service import Answer, Service

TOKEN, OTHER = "admin-token-4711-of-the-service", "in-the-body-0815-of-the-service"


class Shop:
    """An application with flags, jobs and payments: what it was told is in `flags`, `told` and `keys`."""

    def __init__(self):
        self.flags, self.jobs, self.told, self.keys = {"pay.offline": False}, {"7": "failed"}, [], []
        self.stuck, self.code = [1, 2, 3], 200
        self.service = Service({"POST /jobs/7/retry": self.retry, "POST /login": self.login, "POST /scan": self.scan, "POST /sync": self.sync,
                                "GET /jobs/7": lambda r: Answer(200, {"state": self.jobs["7"]}),
                                "GET /stuck": lambda r: Answer(200, {"data": {"items": self.stuck, "all": 40}}),
                                "GET /version": Answer(200, {"version": "1.2", "private": OTHER}, headers={"X-Build": "b7"})})
        for flag in ("pay.offline", "a%20b", "none"):
            self.service.routes[f"PUT /flags/{flag}"] = self.put
            self.service.routes[f"GET /flags/{flag}"] = self.get

    def may(self, request):
        return request.headers["Authorization"] == f"Bearer {TOKEN}"

    def get(self, request):
        name = request.path.split("/")[-1]
        return Answer(200, {"value": self.flags[name]}) if name in self.flags else Answer(404, {})

    def put(self, request):
        if not self.may(request):
            return Answer(403, {"error": "no"})
        self.told.append((request.path, request.body))
        self.flags[request.path.split("/")[-1]] = json.loads(request.body)["value"]
        return Answer(200, {"id": "f-9", "state": "set"})

    def retry(self, request):
        self.keys.append(request.headers["Idempotency-Key"])
        self.jobs["7"] = "running"
        return Answer(self.code, {"error": f"it was told {OTHER}"} if self.code >= 400 else {"state": "running"})

    def login(self, request):
        self.told.append((request.headers["Content-Type"], request.body))
        return Answer(204)

    def scan(self, request):
        self.told.append((request.path, request.body))
        return Answer(200, {"started": self.code == 200})

    def sync(self, request):
        self.told.append((request.path, json.loads(request.body)))
        return Answer(202)


REQUESTS = """
      flag:
        {method: PUT, path: "/flags/${with.flag}", json: {value: "${with.value}"}, bearer: "${file:TOKENS}", effect: reversible,
         allow: {flag: "[a-z. ]+"}, answer: {id: json.id, state: json.state}, undo: {json: {value: "${before.value}"}, before: {method: GET}}}
      retry:
        {method: POST, path: "/jobs/${with.job}/retry", json: {job: "${with.job}", note: "for ${with.job}"}, effect: disruptive,
         headers: {Idempotency-Key: "${plan.hash}"}, before: {path: "/jobs/${with.job}", expect_json: {state: failed}}}
      login: {path: /login, form: {user: "${with.user}", password: "${file:SECRET}", hint: a b}, effect: reversible}
      scan:
        {method: POST, path: "/scan?limit=${with.limit}&token=${file:SECRET}", effect: disruptive, expect_json: {started: "true"},
         before: {path: /stuck, count: data.items, total: data.all}}
      sync: {path: /sync, json: "${with.json}", effect: disruptive}
      noisy: {path: /sync, json: {password: "${env:BY_NAME}", key: "${with.key}"}, headers: {X-Why: "${with.key}"}, effect: disruptive}
      version: {path: /version, answer: {version: json.version, build: header.X-Build}}
      gone: {path: /gone, method: DELETE, effect: destructive, timeout: 500ms}
"""


@pytest.fixture
def shop():
    shop = Shop()
    yield shop
    shop.service.close()


@pytest.fixture
def config(shop, tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "secret").write_text(OTHER + "\n")
    requests = REQUESTS.replace("TOKENS", str(tmp_path / "token")).replace("SECRET", str(tmp_path / "secret"))
    return f"version: 1\ntargets:\n  app:\n    type: http\n    url: {shop.service.url}\n    requests:{requests}"


def ask(config, request, apply=False, expect=0, **options):
    known = {key: options.pop(key) for key in ("step", "undo") if key in options}
    done = act(config, "app", "request", {"request": request, "with": options}, apply=apply, env={"BY_NAME": "an-env-secret-1234"}, **known)
    for secret in (TOKEN, OTHER, "an-env-secret-1234"):
        assert secret not in done.out + done.err, f"{secret} is shown: {done.out}"
    assert done.code == expect, f"{done.out}\n{done.err}"
    return done


# ------------------------------------------------------------------------------------------------------------- plans

def test_a_plan_says_exactly_what_would_be_sent_and_changes_nothing(config, shop):
    done = ask(config, "flag", flag="pay.offline", value=True)
    step = done.plan["steps"][0]
    assert step["json"] == {"method": "PUT", "url": f"{shop.service.url}/flags/pay.offline", "headers": ["Authorization", "Content-Type"],
                            "body": {"value": True}, "request": "flag", "with": {"flag": "pay.offline", "value": True}, "before": {"value": False}}, step
    assert step["what"] == f'PUT {shop.service.url}/flags/pay.offline {{"value":true}}' and "false" in done.plan["note"], done.plan
    assert step["key"].startswith("PUT /flags/pay.offline#") and done.plan["effect"] == "reversible", done.plan
    assert [r.command for r in shop.service.asked] == ["GET"] and shop.flags == {"pay.offline": False}
    assert ask(config, "flag", flag="pay.offline", value=True).keys == done.keys, "the same has the same key"
    assert ask(config, "flag", flag="pay.offline", value="true").keys != done.keys, "text is not truth"

    plan = ask(config, "scan", limit=5).plan
    assert (plan["count"], plan["total"], plan["effect"]) == (3, 40, "disruptive") and "touches 3 of 40" in plan["steps"][0]["what"], plan
    assert plan["steps"][0]["json"]["url"].endswith("/scan?limit=5&token=[redacted]"), plan
    shop.stuck = []
    assert ask(config, "scan", limit=5).plan["steps"] == [] and ask(config, "version").plan["effect"] == "reads"
    plan = ask(config, "login", user="Jörg & co").plan
    assert plan["steps"][0]["json"]["body"] == {"user": "Jörg & co", "password": "[redacted]", "hint": "a b"}, plan
    plan = ask(config, "noisy", key="cache:1").plan
    assert plan["steps"][0]["json"]["body"] == {"password": "[redacted]", "key": "cache:1"}, plan
    assert shop.told == [] and shop.keys == []


@pytest.mark.parametrize("request_name, options, why", [
    ("flag", {"flag": "pay.offline"}, "with.value is not given"),
    ("flag", {"flag": "pay.offline", "value": 1, "other": 2}, "leaves no with.other open"),
    ("flag", {"flag": "PAY", "value": 1}, "`allow` says so"),
    ("flag", {"flag": "..", "value": 1}, "leads upwards"),
    ("retry", {"job": ""}, "is empty"),
    ("retry", {"job": "../7"}, "has a slash"),
    ("retry", {"job": "7\r\nX: y"}, "control character"),
    ("retry", {"job": {"a": 1}}, "is no text"),
    ("retry", {"job": "7" * 5000}, "longer than"),
    ("noisy", {"key": "a\r\nX-Evil: 1"}, "control character"),
    ("nothing", {}, "declares no request \"nothing\""),
])
def test_what_a_script_may_not_ask_is_refused_before_anything_is_sent(config, shop, request_name, options, why):
    done = ask(config, request_name, apply=True, expect=2, **options)
    assert why in done.failure["summary"] and done.failure["during"] == "plan" and done.failure["reason"] == "config", done.out
    assert shop.told == [] and not [r for r in shop.service.asked if r.command != "GET"]


# ------------------------------------------------------------------------------------------------------------- sending

def test_it_is_sent_once_and_taken_back(config, shop):
    done = ask(config, "flag", apply=True, undo=True, flag="pay.offline", value=True)
    sent, undone = done.results
    assert sent["outcome"] == "applied" and sent["json"]["answer"] == {"id": "f-9", "state": "set"} and sent["json"]["http_status"] == 200, sent
    assert sent["undo"]["json"]["body"] == {"value": False} and sent["undo"]["json"]["undo"] is True, sent
    assert undone["outcome"] == "applied" and undone["undoing"] and "undo" not in undone, undone
    assert shop.told == [("/flags/pay.offline", '{"value":true}'), ("/flags/pay.offline", '{"value":false}')] and shop.flags == {"pay.offline": False}

    # What stands in the midst of text is escaped for its place, and nothing else.
    shop.flags["a%20b"] = 1
    ask(config, "flag", apply=True, flag="a b", value='"},{"x":"')
    assert shop.told[-1] == ("/flags/a%20b", '{"value":"\\"},{\\"x\\":\\""}')
    ask(config, "login", apply=True, user="a&password=b+c d")
    assert shop.told[-1] == ("application/x-www-form-urlencoded", f"user=a%26password%3Db%2Bc%20d&password={OTHER}&hint=a%20b")
    ask(config, "sync", apply=True, json={"campaigns": "active", "force": True, "n": [1, None]})
    assert shop.told[-1] == ("/sync", {"campaigns": "active", "force": True, "n": [1, None]})
    version = ask(config, "version", apply=True).results[0]
    assert version["json"]["answer"] == {"version": "1.2", "build": "b7"} and "private" not in json.dumps(version)


def test_what_has_changed_since_the_plan_is_left_alone(config, shop):
    step = ask(config, "flag", flag="pay.offline", value=True).plan["steps"][0]
    shop.flags["pay.offline"] = "maybe"
    late = ask(config, "flag", apply=True, step=step, flag="pay.offline", value=True).results[0]
    assert late["outcome"] == "skipped" and "changed since" in late["summary"] and shop.told == [], late

    step = ask(config, "scan", limit=5).plan["steps"][0]
    shop.stuck.append(4)
    late = ask(config, "scan", apply=True, step=step, limit=5).results[0]
    assert late["outcome"] == "skipped" and "would touch 4 by now, 3 were planned" in late["summary"] and shop.told == [], late

    step = ask(config, "retry", job=7).plan["steps"][0]
    once = ask(config, "retry", apply=True, job=7).results[0]
    assert once["outcome"] == "applied" and len(shop.keys) == 1 and len(shop.keys[0]) == 32, once
    again = ask(config, "retry", apply=True, step=step, job=7).results[0]
    assert again["outcome"] == "skipped" and "state is running, expected failed" in again["summary"] and len(shop.keys) == 1, again
    assert ask(config, "retry", job=7).plan["steps"] == [] and ask(config, "flag", flag="none", value=1).plan["steps"] == []
    shop.jobs["7"] = "failed"
    ask(config, "retry", apply=True, job=7)
    assert shop.keys[0] == shop.keys[1], "the same asked again has the same idempotency key"


# ------------------------------------------------------------------------------------------------------------- bad days

def test_an_answer_that_is_not_as_declared_fails_and_says_how(config, shop):
    shop.code = 409
    failed = ask(config, "retry", apply=True, expect=2, job=7).failure
    assert failed["begun"] and failed["reason"] == "status" and "is answered 409 Conflict" in failed["summary"], failed
    assert "refused it" in failed["hint"] and "[redacted]" in failed["summary"], failed
    shop.code, shop.jobs["7"] = 503, "failed"
    failed = ask(config, "retry", apply=True, expect=2, job=7).failure
    assert "503 Service Unavailable" in failed["summary"] and "not known" in failed["hint"], failed
    assert len(shop.keys) == 2, "each was sent once"
    failed = ask(config, "scan", apply=True, expect=2, limit=1).failure
    assert "200 OK, but started is false, expected true" in failed["summary"], failed
    failed = ask(config.replace("bearer: \"${file:", "bearer: \"x${file:"), "flag", apply=True, expect=2, flag="pay.offline", value=1).failure
    assert failed["denied"] and failed["reason"] == "noperm" and failed["hint"], failed


def test_what_was_sent_and_not_answered_may_have_been_done(config, shop):
    """A server that takes the request and hangs, then one that hangs up: it is asked once, and nobody says that nothing was done."""
    for hang in (True, False):
        asked, listener = [], socket.create_server(("127.0.0.1", 0))

        def serve():
            while True:
                try:
                    peer = listener.accept()[0]
                except OSError:
                    return
                asked.append(peer.recv(65536).split(b"\r\n")[0])
                if hang:
                    time.sleep(1)
                peer.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        there = config.replace(shop.service.url, f"http://127.0.0.1:{listener.getsockname()[1]}")
        failed = ask(there, "gone", apply=True, expect=2).failure
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        assert failed["reason"] == "lost" and failed["begun"] and "was sent and not answered" in failed["summary"], failed
        assert asked == [b"DELETE /gone HTTP/1.1"], asked
    failed = ask(there, "gone", apply=True, expect=2).failure
    assert failed["reason"] == "refused" and failed["down"], failed


# ------------------------------------------------------------------------------------------------------------- declaring

@pytest.mark.parametrize("request_, why", [
    ("{path: /x, json: {a: 1}}", "`effect` is missing"),
    ("{path: x}", "does not begin with a slash"),
    ("{method: PUT, effect: reversible}", "is missing"),
    ("{path: '/${with.}'}", "is not known here"),
    ("{path: '/${before.id}'}", "`before` says what is asked first"),
    ("{path: '/${captured:id}'}", "is not known here"),
    ("{path: '/${with.a}', allow: {b: x}}", "nothing asks for ${with.b}"),
    ("{path: '/${with.a}', allow: {a: '('}}", "no extended regular expression"),
    ("{path: /x, json: {}, body: x, effect: reads}", "one body is enough"),
    ("{path: /x, before: {}, undo: {before: {}}}", "`before` is there twice"),
    ("{path: /x, undo: {bofore: {}}}", "before"),
    ("{path: /x, before: {method: PUT}}", "GET"),
    ("{path: /x, expect: [9]}", "is no status"),
    ("{path: /x, answer: {a: b}}", "json.PATH"),
    ("{path: /x, timeout: 2m}", "timeout"),
    ("[a]", "a map"),
])
def test_a_declaration_that_cannot_be_true_is_refused_where_it_stands(tmp_path, request_, why):
    path = tmp_path / "c.yaml"
    path.write_text(f"version: 1\ntargets:\n  app:\n    type: http\n    url: http://127.0.0.1:9\n    requests:\n      one: {request_}\n")
    done = runbookd("validate", "-c", path)
    assert done.code == 1 and why in done.err and f"{path}:" in done.err, done.out + done.err
