"""plugins/http beyond one request's status: JSON and health, latency, what users do, APIs and their quotas, OAuth 2.0."""
import base64
import json
import os
import time

import pytest

import servers
from agent import runbookd
from service import Answer, Service

TOKEN = "tok-" + "5f3c9a" * 8


@pytest.fixture
def service():
    one = Service()
    yield one
    one.close()


@pytest.fixture
def once(tmp_path):
    """once(target, check) -> the finding; the whole configuration in two words."""
    def ask(target, checks, env=None, secrets=(), code=None):
        (tmp_path / "c.yaml").write_text(f"version: 1\ntargets:\n  t: {{type: http, {target}, checks: {{{'' if 'endpoint:' in checks else 'endpoint: off, '}{checks}}}}}\n")
        result = runbookd("once", "-c", tmp_path / "c.yaml", env=env)
        for secret in (TOKEN, *secrets):
            assert secret not in result.out + result.err, "a secret was printed"
        if code is not None:
            assert result.code == code, result.out + result.err
        found = [e for e in result.events if e["kind"] == "finding"]
        assert len(found) == 1, result.out + result.err
        return found[0]
    return ask


# ------------------------------------------------------------------- JSON and health

SPRING_UP = {"status": "UP", "components": {"db": {"status": "UP"}, "diskSpace": {"status": "UP"}}}
SPRING_DOWN = {"status": "DOWN", "components": {"db": {"status": "DOWN", "details": {"error": "refused"}}, "diskSpace": {"status": "UP"},
                                                "queues": {"status": "DOWN", "components": {"mails": {"status": "DOWN"}, "jobs": {"status": "UP"}}}}}
IETF_WARN = {"status": "warn", "checks": {"redis:latency": [{"status": "warn", "observedValue": 812}], "db": [{"status": "pass"}]}}
IETF_FAIL = {"status": "fail", "version": "1", "releaseId": "1.2.2", "output": "no database",
             "checks": {"postgres:responseTime": [{"componentId": "a", "status": "pass"}, {"componentId": "b", "status": "fail", "output": "refused"}],
                        "uptime": [{"status": "pass", "observedValue": 12}]}}
TERMINUS_UP = {"status": "ok", "info": {"db": {"status": "up"}}, "error": {}, "details": {"db": {"status": "up"}}}
TERMINUS_DOWN = {"status": "error", "info": {"redis": {"status": "up"}}, "error": {"db": {"status": "down", "message": "timeout"}},
                 "details": {"redis": {"status": "up"}, "db": {"status": "down", "message": "timeout"}}}
GODADDY_DOWN = {"status": "error", "error": "healthcheck failed", "details": {"orders": {"status": "down"}}}
SPRING_OUT = {"status": "OUT_OF_SERVICE", "components": {"readinessState": {"status": "OUT_OF_SERVICE"}, "db": {"status": "UP"}}}
SPRING_UNKNOWN = {"status": "UNKNOWN", "components": {"mail": {"status": "UNKNOWN"}}}
SPRING_BARE = {"status": "DOWN"}  # without the right to see components
MICROPROFILE_DOWN = {"status": "DOWN", "checks": [{"name": "kafka", "status": "DOWN"}, {"name": "db", "status": "UP"}]}


@pytest.mark.parametrize("path, type, status, body, said, words", [
    ("/actuator/health", "application/vnd.spring-boot.actuator.v3+json", 200, SPRING_UP, "ok", None),
    ("/actuator/health", "application/vnd.spring-boot.actuator.v3+json", 503, SPRING_DOWN, "critical", "db DOWN, mails DOWN"),
    ("/actuator/health", "application/vnd.spring-boot.actuator.v2+json;charset=UTF-8", 200, SPRING_DOWN, "critical", "db DOWN, mails DOWN"),  # mapped to 200
    ("/actuator/health/readiness", "application/json", 503, SPRING_OUT, "critical", "readinessState OUT_OF_SERVICE"),
    ("/actuator/health", "application/json", 200, SPRING_UNKNOWN, "warning", "mail UNKNOWN"),
    ("/actuator/health", "application/json", 503, SPRING_BARE, "critical", "it says that it is not well"),
    ("/actuator/health/liveness", "application/json", 200, {"status": "UP"}, "ok", None),
    ("/health", "application/health+json", 200, IETF_WARN, "warning", "redis:latency warn"),
    ("/", "application/health+json", 200, IETF_FAIL, "critical", "postgres:responseTime fail"),  # wherever it is
    ("/", "application/health+json", 503, IETF_FAIL, "critical", "postgres:responseTime fail"),
    ("/", "application/health+json; charset=utf-8", 200, {"status": "pass"}, "ok", None),
    ("/health", "application/json", 200, TERMINUS_UP, "ok", None),
    ("/health", "application/json; charset=utf-8", 503, TERMINUS_DOWN, "critical", "db down"),
    ("/health/live", "application/json", 503, GODADDY_DOWN, "critical", "orders down"),
    ("/health/ready", "application/json", 200, MICROPROFILE_DOWN, "critical", "kafka DOWN"),
    ("/api/orders/7", "application/json", 200, {"status": "error"}, "ok", None),  # an order's status, not the service's
    ("/health", "application/json", 200, {"status": "shipped"}, "ok", None),
])
def test_a_service_is_taken_at_its_word(service, once, path, type, status, body, said, words):
    service.routes[f"GET {path}"] = Answer(status, body, type)
    finding = once(f"url: '{service.url}'", f"h: {{check: endpoint, path: {path}}}, endpoint: 'off'")
    assert finding["status"] == said, finding
    if words:
        assert words in finding["message"]
    if status == 200 and said == "critical":
        assert finding["words"]["error_class"] == "health"
    if said != "ok":
        assert finding["words"]["health"] == ("warn" if said == "warning" else "fail"), finding
    finding = once(f"url: '{service.url}{path}'", "endpoint: {health: false}")  # the path stands in the target's URL; nobody asks for its word
    assert finding["status"] == ("ok" if status == 200 else "critical") and "health" not in finding["words"], finding
    finding = once(f"url: '{service.url}{path}'", "endpoint: {}")
    assert finding["status"] == said, finding


@pytest.mark.parametrize("wish, said, words", [
    ('status: UP', "ok", None),
    ('status: DOWN', "critical", "status is UP, expected DOWN"),
    ('"queues[1].lag": "< 60"', "critical", "queues[1].lag is 75.5, expected less than 60"),
    ('"queues[0].lag": "< 60"', "ok", None),
    ('error: absent', "ok", None),
    ('version: "=~ ^2[.]"', "ok", None),
    ('nothing: present', "critical", "nothing is not there"),
    ('"[\\"a.b\\"]": "1"', "ok", None),
])
def test_json_is_held_against_what_is_expected(service, once, wish, said, words):
    service.routes["GET /state"] = Answer(200, {"status": "UP", "version": "2.7", "queues": [{"lag": 3}, {"lag": 75.5}], "a.b": 1})
    finding = once(f"url: '{service.url}'", f"s: {{check: endpoint, path: /state, expect_json: {{{wish}}}}}, endpoint: 'off'")
    assert finding["status"] == said, finding
    if words:
        assert words in finding["message"] and finding["words"]["error_class"] == "json"


def test_headers_and_bodies_that_must_and_must_not(service, once):
    service.routes["GET /page"] = Answer(200, "<html>Whitelabel Error Page</html>", "text/html; charset=utf-8")
    base = f"url: '{service.url}'"
    assert once(base, "p: {check: endpoint, path: /page, expect_headers: {Content-Type: ^text/html}}, endpoint: 'off'")["status"] == "ok"
    finding = once(base, "p: {check: endpoint, path: /page, expect_headers: {Content-Type: json}}, endpoint: 'off'")
    assert (finding["status"], finding["words"]["error_class"]) == ("critical", "header"), finding
    finding = once(base, "p: {check: endpoint, path: /page, body_lacks: 'Error Page'}, endpoint: 'off'")
    assert (finding["status"], finding["words"]["error_class"]) == ("critical", "body"), finding
    finding = once(base, "p: {check: endpoint, path: /page, expect_json: {a: b}}, endpoint: 'off'")
    assert "no JSON" in finding["message"]


def test_who_did_not_answer_has_no_version(service, once):
    assert once(f"url: '{service.url}'", "e: {check: endpoint, expect: [404]}, endpoint: 'off'")["measures"]["version"] == 1
    assert "version" not in once(f"url: 'http://127.0.0.1:{servers.free_port()}'", "e: {check: endpoint}, endpoint: 'off'")["measures"]


# -------------------------------------------------------------------------- latency

def test_the_slow_ones_are_seen_and_error_pages_are_no_time(service, once):
    count = iter(range(1000))

    def answer(_):
        if next(count) % 10 == 9:
            time.sleep(0.3)
        return Answer(200, {})

    service.routes["GET /fast"] = answer
    finding = once(f"url: '{service.url}'", "l: {check: latency, path: /fast, samples: 20, pause: 1ms, warning: p95_ms > 250}")
    assert finding["status"] == "warning" and finding["measures"]["max_ms"] >= 300 > finding["measures"]["p50_ms"], finding
    service.routes["GET /fast"] = Answer(503, {})
    finding = once(f"url: '{service.url}'", "l: {check: latency, path: /fast, samples: 5, pause: 1ms}")
    assert finding["status"] == "critical" and finding["measures"]["failed"] == 5 and "p95_ms" not in finding["measures"], finding


def test_a_healthy_nginx_is_fast(nginx, once):
    finding = once(f"url: '{nginx.url}'", "l: {check: latency, path: /ok, samples: 10, pause: 1ms}")
    assert finding["status"] == "ok" and finding["measures"]["samples"] == 10, finding


# ------------------------------------------------------------------------ synthetic

def login_routes(service, token, ttl=600):
    def login(request):
        known = json.loads(request.body) == {"email": "probe@example.org", "password": "pw\"with'quotes"}
        return Answer(200, {"access_token": token}) if known else Answer(401, {"error": "invalid_credentials"})

    def me(request):
        return Answer(200, {"id": 7}) if request.headers["Authorization"] == f"Bearer {token}" else Answer(401, {"seen": request.headers["Authorization"]})

    service.routes.update({"POST /login": login, "GET /me": me})


LOGIN = """login: {check: synthetic, steps: [
  {post: /login, json: {email: probe@example.org, password: "${file:%s}"}, expect: [200], capture: {token: json.access_token}},
  {get: /me, headers: {Authorization: "Bearer ${captured:token}"}, expect_json: {id: present}}]}"""


def jwt(seconds):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    return f"{part({'alg': 'none'})}.{part({'sub': 'probe', 'exp': int(time.time()) + seconds})}.c2lnbmF0dXJl"


def test_logging_in_and_asking_with_the_token(service, once, tmp_path):
    token = jwt(600)
    login_routes(service, token)
    (tmp_path / "pw").write_text("pw\"with'quotes\n")
    finding = once(f"url: '{service.url}'", LOGIN % (tmp_path / "pw"), secrets=[token, "with'quotes"])
    assert finding["status"] == "ok", finding
    assert 590 <= finding["measures"]["token_ttl_seconds"] <= 600
    (tmp_path / "pw").write_text("another\n")
    finding = once(f"url: '{service.url}'", LOGIN % (tmp_path / "pw"))
    assert finding["status"] == "critical" and finding["measures"]["failed_step"] == 1 and "step 1 of 2, POST /login: 401" in finding["message"], finding


def test_what_was_captured_is_never_shown(service, once, tmp_path):
    login_routes(service, TOKEN)
    service.routes["GET /me"] = lambda request: Answer(500, {"headers": dict(request.headers)})  # it sends the token back
    (tmp_path / "pw").write_text("pw\"with'quotes")
    finding = once(f"url: '{service.url}'", LOGIN % (tmp_path / "pw"))
    assert finding["status"] == "critical" and "[redacted]" in finding["evidence"]["body"], finding


def test_what_must_be_denied(service, once):
    service.routes["GET /tenants/2/orders"] = Answer(200, [])
    steps = "x: {check: synthetic, steps: [{get: /tenants/2/orders, headers: {X-Tenant: '1'}, expect: [403, 404]}]}"
    assert once(f"url: '{service.url}'", steps)["status"] == "critical"
    service.routes["GET /tenants/2/orders"] = Answer(403, {})
    assert once(f"url: '{service.url}'", steps)["status"] == "ok"


def test_cookies_headers_and_paths(service, once):
    def page(request):
        return Answer(200, "fine", "text/plain") if request.headers["Cookie"] == "sid=a+b/c" and request.path == "/item/x%20%2F1" else Answer(400, request.path)

    service.routes["POST /enter"] = Answer(204, b"", headers={"Set-Cookie": "sid=a+b/c; Path=/; HttpOnly", "X-Item": "x /1"})
    service.routes["GET /item/x%20%2F1"] = page
    steps = "x: {check: synthetic, steps: [{post: /enter, body: 'user=probe', capture: {sid: cookie.sid, item: header.X-Item}}, {get: '/item/${captured:item}', headers: {Cookie: 'sid=${captured:sid}'}}]}"
    assert once(f"url: '{service.url}'", steps)["status"] == "ok"


@pytest.mark.parametrize("steps, words", [
    ("[{get: '/a/${captured:nothing}'}]", 'no step before it captures "nothing"'),
    ("[{get: /a, post: /b}]", "write one of get, post, or method and path"),
    ("[{get: /a, capture: {t: access_token}}]", "json.PATH, header.NAME or cookie.NAME"),
    ("[]", "at least one"),
    ("[{get: /a, expect: [2000]}]", '"2000" is no status'),
])
def test_steps_that_are_wrong_are_told_when_they_are_read(tmp_path, steps, words):
    (tmp_path / "c.yaml").write_text(f"version: 1\ntargets:\n  t: {{type: http, url: 'http://x', checks: {{s: {{check: synthetic, steps: {steps}}}}}}}\n")
    result = runbookd("validate", "-c", tmp_path / "c.yaml")
    assert result.code == 1 and words in result.err + result.out, result.err + result.out


# --------------------------------------------------------------------- api, rate_limit

@pytest.mark.parametrize("vendor, status, body, word, said", [
    ("meta", 400, {"error": {"code": 190, "message": "Error validating access token"}}, "token", "critical"),
    ("meta", 400, {"error": {"code": 17, "message": "User request limit reached"}}, "rate_limited", "warning"),
    ("meta", 400, {"error": {"code": 80004, "message": "too many calls"}}, "rate_limited", "warning"),
    ("meta", 200, {"id": "1"}, "ok", "ok"),
    ("tiktok", 200, {"code": 40105, "message": "Access token is incorrect or has been revoked."}, "token", "critical"),
    ("tiktok", 200, {"code": 0, "message": "OK", "data": {}}, "ok", "ok"),
    ("tiktok", 200, {"code": 50000, "message": "System error"}, "outage", "critical"),
    ("google", 403, {"error": {"code": 403, "message": "quota", "errors": [{"reason": "quotaExceeded"}]}}, "rate_limited", "warning"),
    ("ticketmaster", 429, {"fault": {"faultstring": "Rate limit quota violation", "detail": {"errorcode": "policies.ratelimit.QuotaViolation"}}}, "rate_limited", "warning"),
    ("eventbrite", 404, {"error": "NOT_FOUND", "error_description": "The path you requested does not exist."}, "request", "warning"),
    ("google", 400, {"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "errors": [{"reason": "badRequest"}],
                               "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}, "token", "critical"),
    ("google", 400, {"error": {"code": 400, "message": "No filter selected.", "errors": [{"reason": "missingRequiredParameter"}]}}, "request", "warning"),
    ("google", 429, {"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}, "rate_limited", "warning"),
    ("google", 200, {"items": [{"id": "UC1"}]}, "ok", "ok"),
    ("x", 429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, "rate_limited", "warning"),
    ("x", 401, {"errors": [{"code": 89, "message": "Invalid or expired token."}]}, "token", "critical"),
    ("x", 503, {"errors": [{"code": 130, "message": "Over capacity"}]}, "outage", "critical"),
    ("x", 429, {"title": "UsageCapExceeded", "detail": "Usage cap exceeded: Monthly product cap", "type": "https://api.twitter.com/2/problems/usage-capped"}, "rate_limited", "warning"),
    ("x", 403, {"title": "Client Forbidden", "reason": "client-not-enrolled", "type": "https://api.twitter.com/2/problems/client-forbidden"}, "token", "critical"),
    ("x", 401, {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}, "token", "critical"),
    ("x", 200, {"errors": [{"title": "Not Found Error", "detail": "Could not find user", "type": "https://api.twitter.com/2/problems/resource-not-found"}]}, "request", "warning"),
    ("x", 200, {"data": {"id": "7", "username": "shop"}}, "ok", "ok"),
    ("stripe", 401, {"error": {"message": "Invalid API Key provided: rk_test_***ests", "type": "invalid_request_error"}}, "token", "critical"),
    ("stripe", 401, {"error": {"code": "api_key_expired", "message": "Expired API Key provided", "type": "invalid_request_error"}}, "token", "critical"),
    ("stripe", 429, {"error": {"code": "rate_limit", "message": "Request rate limit exceeded.", "type": "invalid_request_error"}}, "rate_limited", "warning"),
    ("stripe", 500, {"error": {"message": "An unknown error occurred", "type": "api_error"}}, "outage", "critical"),
    ("stripe", 404, {"error": {"code": "resource_missing", "message": "No such customer", "type": "invalid_request_error"}}, "request", "warning"),
    ("stripe", 200, {"object": "balance"}, "ok", "ok"),
    ("auth0", 429, {"statusCode": 429, "error": "Too Many Requests", "message": "Global limit has been reached", "errorCode": "too_many_requests"}, "rate_limited", "warning"),
    ("auth0", 401, {"statusCode": 401, "error": "Unauthorized", "message": "Expired token received for JSON Web Token validation"}, "token", "critical"),
    ("auth0", 403, {"statusCode": 403, "error": "Forbidden", "message": "Insufficient scope, expected any of: read:users", "errorCode": "insufficient_scope"}, "token", "critical"),
    ("auth0", 400, {"error": "invalid_grant", "error_description": "Wrong email or password."}, "token", "critical"),
    ("auth0", 400, {"statusCode": 400, "error": "Bad Request", "message": "Query validation error", "errorCode": "invalid_query_string"}, "request", "warning"),
    ("auth0", 503, {"error": "temporarily_unavailable", "error_description": "The server is overloaded"}, "outage", "critical"),
    ("auth0", 200, {"issuer": "https://shop.eu.auth0.com/"}, "ok", "ok"),
    ("generic", 503, "down for maintenance", "outage", "critical"),
    ("generic", 401, {"message": "bad token"}, "token", "critical"),
])
def test_an_apis_own_codes_are_understood(service, once, vendor, status, body, word, said):
    service.routes["GET /me"] = Answer(status, body)
    finding = once(f"url: '{service.url}'", f"a: {{check: api, path: /me, vendor: {vendor}}}")
    assert (finding["words"]["error_class"], finding["status"]) == (word, said), finding


def test_codes_of_ones_own_and_an_answer_that_is_not_what_was_asked_for(service, once):
    service.routes["GET /me"] = Answer(200, {"error": {"code": "E7", "message": "slow down"}})
    assert once(f"url: '{service.url}'", "a: {check: api, path: /me, codes: {E7: rate_limited}}")["words"]["error_class"] == "rate_limited"
    service.routes["GET /me"] = Answer(200, {"items": []})
    finding = once(f"url: '{service.url}'", "a: {check: api, path: /me, expect_json: {'items[0].id': present}}")
    assert (finding["words"]["error_class"], finding["status"]) == ("body", "critical"), finding
    finding = once(f"url: 'http://127.0.0.1:{servers.free_port()}'", "a: {check: api, path: /me}")
    assert (finding["words"]["error_class"], finding["status"]) == ("network", "critical"), finding


@pytest.mark.parametrize("headers, percent, reset, said", [
    ({"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": "in 1800"}, 80, 1800, "ok"),
    ({"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "500", "X-RateLimit-Reset": "in 60"}, 10, 60, "warning"),
    ({"RateLimit": '"default";r=5;t=30', "RateLimit-Policy": '"default";q=100;w=60'}, 5, 30, "warning"),
    ({"RateLimit": "limit=100, remaining=0, reset=7"}, 0, 7, "critical"),
    ({"RateLimit": '"burst";r=9;t=1, "day";r=150;t=3600', "RateLimit-Policy": '"burst";q=10;w=1, "day";q=1000;w=86400'}, 15, 3600, "warning"),
    ({"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "25", "RateLimit-Reset": "40"}, 25, 40, "ok"),
    ({"RateLimit-Limit": "100", "RateLimit-Remaining": "0", "RateLimit-Reset": "40"}, 0, 40, "critical"),
    ({"RateLimit-Limit": "10", "RateLimit-Remaining": "1", "RateLimit-Reset-After": "12"}, 10, 12, "warning"),
    ({"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "in 900", "X-RateLimit-Reset-After": "64.57"}, 80, 64.57, "ok"),
    ({"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.5"}, 0, 1.5, "critical"),
    ({"X-Business-Use-Case-Usage": '{"4711": [{"type": "ads_insights", "call_count": 95, "total_cputime": 20, "total_time": 20, "estimated_time_to_regain_access": 0}]}'}, 5, None, "warning"),
    ({"X-Business-Use-Case-Usage": '{"4711": [{"type": "ads_insights", "call_count": 100, "estimated_time_to_regain_access": 19}]}'}, 0, 1140, "critical"),
    ({"X-App-Usage": '{"call_count":28,"total_time":91,"total_cputime":3}'}, 9, None, "warning"),
    ({"X-Shopify-Shop-Api-Call-Limit": "10/40"}, 75, None, "ok"),
    ({"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "6m0s"}, 98.33, 360, "ok"),
])
def test_quotas_in_their_dialects(service, once, headers, percent, reset, said):
    headers = {name: str(int(time.time()) + int(value[3:])) if value.startswith("in ") else value for name, value in headers.items()}
    service.routes["GET /"] = Answer(200, {}, headers=headers)
    finding = once(f"url: '{service.url}/'", "q: {check: rate_limit}")
    assert finding["status"] == said and finding["measures"]["remaining_percent"] == percent, finding
    if reset:
        assert abs(finding["measures"]["reset_seconds"] - reset) < 20, finding


def test_a_quota_that_is_used_up_and_an_api_that_says_nothing(service, once):
    service.routes["GET /"] = Answer(429, {}, headers={"Retry-After": "17"})
    finding = once(f"url: '{service.url}/'", "q: {check: rate_limit}")
    assert finding["status"] == "critical" and finding["measures"]["reset_seconds"] == 17, finding
    service.routes["GET /"] = Answer(200, {})
    finding = once(f"url: '{service.url}/'", "q: {check: rate_limit}")
    assert finding["status"] == "unknown" and "says nothing of a rate limit" in finding["message"], finding
    service.routes["GET /"] = Answer(200, {}, headers={"Quota-Left": "3", "Quota": "100"})
    finding = once(f"url: '{service.url}/'", "q: {check: rate_limit, remaining_header: Quota-Left, limit_header: Quota}")
    assert finding["measures"]["remaining_percent"] == 3, finding


# -------------------------------------------------------------------------- OAuth 2.0

@pytest.fixture
def issuer(service, tmp_path):
    """A token endpoint beside a path that wants its tokens; `issuer.valid` are those that it takes."""
    (tmp_path / "secret").write_text("s3cr3t-of-the-tests\n")
    service.valid, service.issued = set(), 0

    def issue(request):
        basic = base64.b64encode(b"probe:s3cr3t-of-the-tests").decode()
        in_body = "client_id=probe&client_secret=s3cr3t-of-the-tests" in request.body
        if request.headers["Authorization"] != f"Basic {basic}" and not in_body:
            return Answer(401, {"error": "invalid_client"})
        assert "grant_type=client_credentials" in request.body and "scope=read%20health" in request.body
        service.issued += 1
        service.valid.add(f"{TOKEN}{service.issued}")
        return Answer(200, {"access_token": f"{TOKEN}{service.issued}", "token_type": "Bearer", "expires_in": 3600})

    def guarded(request):
        fine = (request.headers["Authorization"] or "").removeprefix("Bearer ") in service.valid
        return Answer(200, {"you": request.headers["Authorization"]}) if fine else Answer(401, {"error": request.headers["Authorization"]})

    service.routes.update({"POST /token": issue, "GET /guarded": guarded})
    return service


def oauth(issuer, tmp_path, **more):
    words = {"token_url": f"{issuer.url}/token", "client_id": "probe", "client_secret": "${file:%s}" % (tmp_path / "secret"), "scope": "read health", **more}
    return f"url: '{issuer.url}', oauth2: {json.dumps(words)}"


@pytest.mark.parametrize("auth", ["header", "body"])
def test_a_token_is_fetched_and_never_shown(issuer, once, tmp_path, auth):
    finding = once(oauth(issuer, tmp_path, auth=auth), "g: {check: endpoint, path: /guarded}, endpoint: 'off'")
    assert finding["status"] == "ok" and issuer.issued == 1, finding
    finding = once(oauth(issuer, tmp_path), "g: {check: endpoint, path: /guarded, expect: [418]}, endpoint: 'off'")
    assert finding["status"] == "critical" and "Bearer [redacted]" in finding["evidence"]["body"], finding


def test_a_token_is_kept_and_renewed_when_it_is_no_longer_taken(agent, issuer, tmp_path):
    running = agent(f"version: 1\nagent: {{emit: all}}\ntargets:\n  t: {{{{type: http, {oauth(issuer, tmp_path)}, checks: {{{{endpoint: 'off', g: {{{{check: endpoint, path: /guarded, every: 500ms}}}}}}}}}}}}\n"
                    .replace("{{", "{").replace("}}", "}"))
    running.wait_for(lambda e: e["kind"] == "finding" and len(running.findings("t", "g")) >= 4)
    assert issuer.issued == 1, "one token serves them all"
    issuer.valid.clear()
    servers.wait_until(lambda: issuer.issued == 2)
    seen = len(running.findings("t", "g"))
    running.wait_for(lambda e: len(running.findings("t", "g")) > seen + 2)
    assert {e["status"] for e in running.findings("t", "g")} == {"ok"}
    running.end()
    assert TOKEN not in json.dumps(running.events) + "".join(running.errors)


def test_a_token_stays_with_its_own_host(issuer, once, tmp_path):
    other = Service({"GET /elsewhere": Answer(200, {})})
    issuer.routes["GET /moved"] = Answer(302, b"", headers={"Location": f"{other.url}/elsewhere"})
    finding = once(oauth(issuer, tmp_path), "m: {check: endpoint, path: /moved, redirects: 2}, endpoint: 'off'")
    other.close()
    assert finding["status"] == "ok" and issuer.issued == 1, finding
    assert [asked.headers["Authorization"] for asked in other.asked] == [None]


def test_where_a_redirect_leads_is_shown_without_what_it_hands_over(issuer, once, tmp_path):
    issuer.routes["GET /back"] = Answer(302, b"", headers={"Location": f"http://shop.test/in?code=shown-to-nobody#state"})
    finding = once(oauth(issuer, tmp_path), "m: {check: endpoint, path: /back, redirects: 0}, endpoint: 'off'", secrets=["shown-to-nobody"])
    assert finding["evidence"]["location"] == f"http://shop.test/in", finding


def test_a_client_that_is_not_known(issuer, once, tmp_path):
    (tmp_path / "secret").write_text("wrong")
    finding = once(oauth(issuer, tmp_path), "g: {check: endpoint, path: /guarded}, endpoint: 'off'")
    assert finding["status"] == "unknown" and "invalid_client" in finding["message"] and finding["hint"], finding


@pytest.mark.parametrize("words, said", [
    ("{token_url: 'https://x', client_id: a}", "client_secret is missing"),
    ("{token_url: 'https://x', client_id: a, client_secret: plain}", "write a reference"),
    ("{token_urll: 'https://x'}", "is unknown"),
])
def test_an_oauth2_that_lacks_something(tmp_path, words, said):
    (tmp_path / "c.yaml").write_text(f"version: 1\ntargets:\n  t: {{type: http, url: 'http://x', oauth2: {words}}}\n")
    result = runbookd("validate", "-c", tmp_path / "c.yaml")
    assert result.code == 1 and said in result.err + result.out, result.err + result.out
