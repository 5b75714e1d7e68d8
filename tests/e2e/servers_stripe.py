"""Stripe, as far as the plugin asks it: its API and its status page in the published shapes, and a shop's webhook receiver.

The shapes are held to by Stripe's own client (stripe_oracle.js), which reads what is answered here; the receiver is that client."""
import hashlib
import hmac
import json
import os
import re
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import servers
from service import Answer, Service

ORACLE = servers.pathlib.Path(__file__).parent / "stripe_oracle.js"
EVERYTHING = {"balance_read", "event_read", "event_write", "charge_read", "payment_intent_read", "webhook_read"}
KEY, LIVE = "rk_test_51RunbookdMayReadAllOfIt", "rk_live_51RunbookdMayReadAllOfIt"
SIGNING = "whsec_51RunbookdSignsWithThis"
# The last four digits of a card are letters here: four digits occur in any line by chance.
PEOPLE = ["Jane Roe", "jane.roe@example.org", "Q4Q2", "cus_JaneRoe", "pi_secret_of_a_client", "The Roe Bank", "t0ken-in-a-url"]


def key_of(request):
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def encoded(pairs):
    """What "types[0]=a", "types[]=b" mean, and "created[gte]=1": {"types": [...], "created[gte]": ...}."""
    found = {}
    for name, value in pairs:
        base = re.sub(r"\[\d*\]$", "", name)
        if base != name:
            found.setdefault(base, []).append(value)
        else:
            found[name] = value
    return found


class Stripe(Service):
    """`keys` maps keys to permissions; `fail` are answers that come first, `failing` one that comes always, `refused` of keys; `pages` are status pages, by
    the path that they are under."""

    def __init__(self):
        self.keys = {KEY: EVERYTHING, LIVE: EVERYTHING}
        self.objects = {name: [] for name in ("events", "charges", "payment_intents", "webhook_endpoints")}
        self.fail, self.failing, self.refused, self.requests, self.idempotent, self.deliveries, self.paths = [], None, {}, 0, {}, [], []
        self.pages, self.lock = {"": summary()}, threading.Lock()
        super().__init__(self)

    def get(self, route, _):  # as `routes` of Service
        return self.answer

    def close(self):
        self.routes = {}
        super().close()

    def answer(self, request):
        path, _, query = request.path.partition("?")
        if path.endswith("/api/v2/summary.json"):
            page = self.pages[path.removesuffix("/api/v2/summary.json")]
            return page if isinstance(page, Answer) else Answer(200, page)
        with self.lock:
            self.requests += 1
            number = self.requests
            self.paths.append(path)
        if self.fail:
            return self.fail.pop(0)
        if self.failing or key_of(request) in self.refused:
            return self.failing or self.refused[key_of(request)]
        status, body, more = self.reply(request, path, encoded(urllib.parse.parse_qsl(query)))
        return Answer(status, body, headers={"Request-Id": f"req_test{number}", "Stripe-Version": request.headers.get("Stripe-Version", ""), **more})

    def reply(self, request, path, params):
        key = key_of(request)
        if key not in self.keys:
            return 401, {"error": {"type": "invalid_request_error", "message": f"Invalid API Key provided: {key[:8]}****{key[-4:]}"}}, {}
        match = re.fullmatch(r"/v1/(\w+)(?:/(\w+))?(?:/(\w+))?", path)
        what, one, verb = match.groups() if match else (None, None, None)
        needed = {"balance": "balance_read", "events": "event_write" if verb else "event_read", "charges": "charge_read",
                  "payment_intents": "payment_intent_read", "webhook_endpoints": "webhook_read"}.get(what)
        if not needed:
            return 404, error("invalid_request_error", f"Unrecognized request URL ({request.command}: {path})."), {}
        if needed not in self.keys[key]:
            return 403, error("invalid_request_error", f"The provided key '{key[:8]}*********{key[-6:]}' does not have the required permissions for this endpoint on account "
                              f"'acct_1PJBLE'. Having the 'rak_{needed}' permission would allow this request to continue."), {}
        if what == "balance":
            return 200, {"object": "balance", "livemode": "live" in key, "available": [{"amount": 12345, "currency": "eur", "source_types": {"card": 12345}}], "pending": []}, {}
        if verb == "retry" and request.command == "POST":
            return self.retry(request, one)
        if one == "search":
            return self.search(params)
        if one:
            found = [o for o in self.objects[what] if o["id"] == one]
            return (200, found[0], {}) if found else (404, error("invalid_request_error", f"No such {what[:-1]}: '{one}'", code="resource_missing", param="id"), {})
        return self.list(path, self.objects[what], params)

    def list(self, path, objects, params):
        if not 1 <= int(params.get("limit", 10)) <= 100:
            return 400, error("invalid_request_error", "Invalid limit", param="limit"), {}
        found = sorted(objects, key=lambda o: -o["created"])
        found = [o for o in found if o["created"] >= int(params.get("created[gte]", 0)) and o["created"] < int(params.get("created[lt]", 1 << 40))
                 and (params.get("delivery_success") != "false" or o["pending_webhooks"] > 0) and ("types" not in params or o["type"] in params["types"])]
        if "starting_after" in params:
            found = found[[o["id"] for o in found].index(params["starting_after"]) + 1:]
        limit = int(params.get("limit", 10))
        return 200, {"object": "list", "url": path, "has_more": len(found) > limit, "data": found[:limit]}, {}

    def search(self, params):
        terms = re.fullmatch(r"status:'(\w+)' AND created>=(\d+) AND created<(\d+)", params.get("query", ""))
        if not terms:
            return 400, error("invalid_request_error", "We were unable to parse your search query."), {}
        state, begin, end = terms[1], int(terms[2]), int(terms[3])
        found = [o for o in self.objects["payment_intents"] if o["status"] == state and begin <= o["created"] < end]
        at, limit = int(params.get("page", "page_0").removeprefix("page_")), int(params.get("limit", 10))
        more = len(found) > at + limit
        return 200, {"object": "search_result", "url": "/v1/payment_intents/search", "has_more": more, "next_page": f"page_{at + limit}" if more else None,
                     "data": found[at:at + limit]}, {}

    def retry(self, request, one):
        """Delivers once for each idempotency key, as Stripe does."""
        params = dict(urllib.parse.parse_qsl(request.body))
        found = [e for e in self.objects["events"] if e["id"] == one]
        endpoint = [w for w in self.objects["webhook_endpoints"] if w["id"] == params.get("webhook_endpoint")]
        if not found or not endpoint:
            return 404, error("invalid_request_error", f"No such event: '{one}'", code="resource_missing"), {}
        key = request.headers.get("Idempotency-Key")
        if key not in self.idempotent:
            self.idempotent[key] = True
            self.deliveries.append((one, endpoint[0]["id"], time.monotonic()))
            threading.Thread(target=self.deliver, args=(found[0], endpoint[0]), daemon=True).start()
        return 200, dict(found[0]), {}

    def deliver(self, event, endpoint):
        body, now = json.dumps(event), int(time.time())
        signature = hmac.new(SIGNING.encode(), f"{now}.{body}".encode(), hashlib.sha256).hexdigest()
        post = urllib.request.Request(endpoint["url"], body.encode(), {"Content-Type": "application/json", "Stripe-Signature": f"t={now},v1={signature}"})
        try:
            urllib.request.urlopen(post, timeout=5).close()
            event["pending_webhooks"] -= 1
        except OSError:
            pass


def error(type, message, **more):
    return {"error": {"type": type, "message": message, "request_log_url": "https://dashboard.stripe.com/test/logs/req_test?t=1", **more}}


def refusal(status, type="api_error", code=None, message="An error occurred", **headers):
    """A recorded shape of failure."""
    body = error(type, message, **({"code": code} if code else {}))
    return Answer(status, body, headers={"Request-Id": "req_refused", **{name.replace("_", "-"): value for name, value in headers.items()}})


def intent(id, status="succeeded", age=60, failure=None, **more):
    last = failure and {"type": failure, "code": "card_declined" if failure == "card_error" else "payment_intent_unexpected_state",
                        "decline_code": "insufficient_funds" if failure == "card_error" else None, "message": "Jane Roe has no money.",
                        "payment_method": {"id": "pm_1", "object": "payment_method", "billing_details": {"name": "Jane Roe", "email": "jane.roe@example.org"},
                                           "card": {"brand": "visa", "last4": "Q4Q2"}}}
    return {"id": id, "object": "payment_intent", "amount": 4990, "currency": "eur", "created": int(time.time()) - age, "status": status, "livemode": False,
            "customer": "cus_JaneRoe", "receipt_email": "jane.roe@example.org", "client_secret": "pi_secret_of_a_client", "metadata": {"name": "Jane Roe"},
            "last_payment_error": last, "latest_charge": None, "payment_method_types": ["card"], **more}


def event(id, type, age=30, pending=0, object=None):
    return {"id": id, "object": "event", "api_version": "2024-06-20", "created": int(time.time()) - age, "livemode": False, "pending_webhooks": pending,
            "request": {"id": None, "idempotency_key": None}, "type": type, "data": {"object": object or {"id": "ch_1", "object": "charge", "billing_details": {"name": "Jane Roe"}}}}


def charge(id, age=60, declined=None, blocked=False, brand="visa", country="DE", funding="credit"):
    outcome = {"type": "blocked" if blocked else "issuer_declined" if declined else "authorized", "reason": "highest_risk_level" if blocked else declined,
               "network_status": "approved_by_network" if not declined else "declined_by_network", "seller_message": "The Roe Bank did not say why."}
    return {"id": id, "object": "charge", "amount": 4990, "currency": "eur", "created": int(time.time()) - age, "status": "failed" if declined or blocked else "succeeded",
            "paid": not (declined or blocked), "customer": "cus_JaneRoe", "billing_details": {"name": "Jane Roe", "email": "jane.roe@example.org"}, "outcome": outcome,
            "failure_code": "card_declined" if declined or blocked else None, "failure_message": "Jane Roe's card was declined." if declined else None,
            "payment_method_details": {"type": "card", "card": {"brand": brand, "country": country, "funding": funding, "last4": "Q4Q2", "issuer": "The Roe Bank"}}}


def endpoint(id, url, status="enabled", events=("*",)):
    return {"id": id, "object": "webhook_endpoint", "api_version": None, "application": None, "created": 1700000000, "description": "", "enabled_events": list(events),
            "livemode": False, "metadata": {}, "status": status, "url": url}


def at(age=0):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - age))


def summary(indicator="none", components=(), incidents=(), touched=60):
    """/api/v2/summary.json of a Statuspage: `components` maps names to what is not operational."""
    of = {"API": "operational", "Webhooks": "operational", "Dashboard": "operational", **dict(components)}
    described = {"none": "All Systems Operational", "minor": "Minor Service Outage", "major": "Partial System Outage", "critical": "Major Service Outage",
                 "maintenance": "Service Under Maintenance"}[indicator]
    return {"page": {"id": "p1", "name": "Stripe", "url": "https://www.stripestatus.com", "time_zone": "Etc/UTC", "updated_at": at(touched)},
            "components": [{"id": f"c{i}", "name": name, "status": status, "created_at": at(), "updated_at": at(), "position": i, "page_id": "p1"}
                           for i, (name, status) in enumerate(of.items())],
            "incidents": list(incidents), "scheduled_maintenances": [], "status": {"indicator": indicator, "description": described}}


def incident(name, impact, status="investigating", age=1800, components=("API",)):
    return {"id": "i1", "name": name, "status": status, "impact": impact, "created_at": at(age), "updated_at": at(), "resolved_at": None, "page_id": "p1",
            "incident_updates": [], "components": [{"id": f"x{c}", "name": c, "status": "partial_outage"} for c in components]}


class Receiver(servers.Server):
    """A shop's webhook, verified by Stripe's own client; how well says the first part of the path, or become()."""

    def __init__(self):
        super().__init__("webhook")
        self.port = servers.free_port()
        self.spawn(["node", str(ORACLE), "receive", str(self.port), SIGNING])
        servers.wait_until(lambda: servers.listens(self.port))

    def url(self, mode="as-told"):
        return f"http://127.0.0.1:{self.port}/{mode}/webhooks/stripe?token=t0ken-in-a-url"

    def become(self, mode):
        self._ask("/mode", mode.encode())

    @property
    def seen(self):
        return json.loads(self._ask("/seen"))

    def _ask(self, path, body=None):
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body), timeout=5) as reply:
            return reply.read()


def read(stripe, *keys):
    """What Stripe's own client reads from it, with each key."""
    done = subprocess.run(["node", str(ORACLE), "read", stripe.url, *keys], capture_output=True, text=True, timeout=30, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
