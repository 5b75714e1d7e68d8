"""Debian's Prometheus, what it scrapes, and what it is told."""
import json
import threading
import urllib.parse
import urllib.request

import servers
from service import Answer, Service

BUCKETS = (0.05, 0.1, 0.5, 1.0, 2.5)


def histogram(name, labels, seen, buckets=BUCKETS):
    """The lines of a classic histogram; `labels` is 'route="/pay"', or empty."""
    comma = "," if labels else ""
    lines = [f'{name}_bucket{{{labels}{comma}le="{le}"}} {sum(s <= le for s in seen)}' for le in buckets]
    lines.append(f'{name}_bucket{{{labels}{comma}le="+Inf"}} {len(seen)}')
    return lines + [f"{name}_count{{{labels}}} {len(seen)}", f"{name}_sum{{{labels}}} {sum(seen)}"]


class Shop(Service):
    """Counts requests of two routes, as an application would; `serve(route, status, seconds)` is one more of them."""

    def __init__(self):
        self.counts, self.seen, self.lock = {}, {}, threading.Lock()
        super().__init__({"GET /metrics": lambda _: Answer(200, self.page(), "text/plain; version=0.0.4")})

    def serve(self, route, status, seconds, times=1):
        with self.lock:
            self.counts[route, status] = self.counts.get((route, status), 0) + times
            self.seen.setdefault(route, []).extend([seconds] * times)

    def page(self):
        lines = ["# HELP http_requests_total Requests.", "# TYPE http_requests_total counter"]
        with self.lock:
            lines += [f'http_requests_total{{route="{route}",status="{status}"}} {count}' for (route, status), count in self.counts.items()]
            lines += ["# TYPE http_request_duration_seconds histogram"]
            for route, seen in self.seen.items():
                lines += histogram("http_request_duration_seconds", f'route="{route}"', seen)
        lines += ["# TYPE queue_length gauge", 'queue_length{queue="mails",note="a \\"quoted\\\\ name"} 42', 'queue_length{queue="jobs"} 0']
        return "\n".join(lines) + "\n"


class Prometheus(servers.Server):
    """`jobs` are those of scrape_configs, to which it adds itself; `rules` are the lines of one group, `more` is added at the top level."""

    def __init__(self, jobs, rules="", more="", flags=()):
        super().__init__("prometheus")
        self.port, self.jobs, self.rules, self.more, self.flags = servers.free_port(), jobs, rules, more, flags
        self.configure()
        self.start()

    def configure(self):
        (self.dir / "rules.yml").write_text("groups:\n- name: shop\n  rules:\n" + self.rules if self.rules else "groups: []\n")
        (self.dir / "prometheus.yml").write_text(
            f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{self.dir}/rules.yml]\n{self.more}"
            "scrape_configs:\n" + "".join(f"- {job}\n" for job in [*self.jobs, f"{{job_name: prometheus, static_configs: [{{targets: ['127.0.0.1:{self.port}']}}]}}"]))

    def start(self):
        self.spawn(["prometheus", f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data",
                    f"--web.listen-address=127.0.0.1:{self.port}", *self.flags])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, query):
        with urllib.request.urlopen(f"{self.url}/api/v1/query?query={urllib.parse.quote(query)}", timeout=5) as reply:
            return json.load(reply)["data"]["result"]


def job(name, *ports, more=""):
    targets = ", ".join(f"'127.0.0.1:{port}'" for port in ports)
    return f"{{job_name: {name}, static_configs: [{{targets: [{targets}]}}]{more}}}"
