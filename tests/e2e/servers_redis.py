"""More kinds of Redis: replicas, sentinels and a cluster of three, on loopback and free ports."""
import json
import os
import subprocess

from agent import runbookd
from servers import Redis, Server, free_port, listens, wait_until


def info(server, name, **login):
    """One line of INFO, or None."""
    for line in server.do("info", **login).splitlines():
        key, _, value = line.strip().partition(":")
        if key == name:
            return value
    return None


class Replica(Redis):
    def __init__(self, master, *options):
        self.master = master
        super().__init__("--replicaof", f"127.0.0.1 {master.port}", "--repl-diskless-sync-delay", "0", *options)
        wait_until(lambda: info(self, "master_link_status") == "up")


class Sentinel(Server):
    """One sentinel that watches `master` under the name "orders"."""

    def __init__(self, master, tls=None, password=None, master_login=None, quorum=1):
        super().__init__("sentinel")
        self.port, self.tls = free_port(), tls
        lines = ["bind 127.0.0.1", f"dir {self.dir}", f"sentinel monitor orders 127.0.0.1 {master.port} {quorum}",
                 "sentinel down-after-milliseconds orders 500", "sentinel failover-timeout orders 3000"]
        if tls:
            lines += ["port 0", f"tls-port {self.port}", f"tls-cert-file {tls.chain}", f"tls-key-file {tls.key}",
                      f"tls-ca-cert-file {tls.root}", "tls-auth-clients no", "tls-replication yes"]
        else:
            lines += [f"port {self.port}"]
        if password:
            lines += [f"requirepass {password}"]
        if master_login:
            lines += [f"sentinel auth-user orders {master_login[0]}", f"sentinel auth-pass orders {master_login[1]}"]
        (self.dir / "sentinel.conf").write_text("\n".join(lines) + "\n")
        self.start()

    def start(self):
        self.spawn(["redis-server", str(self.dir / "sentinel.conf"), "--sentinel"])
        wait_until(lambda: listens(self.port))

    do = Redis.do

    def master_port(self):
        return int(self.do("sentinel", "get-master-addr-by-name", "orders").splitlines()[1])


class Cluster:
    """Three masters that share the slots; node i begins at slot 5461 * i."""

    def __init__(self, *options):
        self.nodes = []
        for _ in range(3):
            bus = free_port()
            self.nodes.append(Redis("--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "1000", *options))
            self.nodes[-1].bus = bus
        ranges = [(0, 5460), (5461, 10922), (10923, 16383)]
        for node, (first, last) in zip(self.nodes, ranges):
            assert node.do("cluster", "addslotsrange", first, last) == "OK"
            node.do("cluster", "meet", "127.0.0.1", self.nodes[0].port, self.nodes[0].bus)
        self.wait_state("ok")

    def state(self, node):
        return dict(line.strip().split(":", 1) for line in node.do("cluster", "info").splitlines() if ":" in line).get("cluster_state")

    def wait_state(self, state, nodes=None):
        wait_until(lambda: all(self.state(node) == state for node in nodes or self.nodes), 30)

    def do(self, *words):
        """By a client that follows redirects."""
        return subprocess.run(["redis-cli", "-c", "-p", str(self.nodes[0].port), *map(str, words)], capture_output=True, text=True,
                              timeout=10).stdout.strip()

    @property
    def url(self):
        return self.nodes[0].url

    def close(self):
        for node in self.nodes:
            node.close()


def target(url, checks, *more):
    """A configuration of one target "cache"; `checks` are names, or names with their options as a dict."""
    lines = ["version: 1", "targets:", "  cache:", "    type: redis", f"    url: {url}", *(f"    {line}" for line in more)]
    return "\n".join([*lines, f"    checks: {json.dumps(checks)}"]) + "\n"


def once(tmp_path, url, checks, *more, **kwargs):
    """Each check once."""
    file = tmp_path / "once.yaml"
    file.write_text(target(url, checks, *more))
    return runbookd("once", "-c", file, "--format", "ndjson", *(f"cache/{name}" for name in checks), **kwargs)


def client(server, *words, login=()):
    """A redis-cli that goes on until it is ended."""
    return subprocess.Popen(["redis-cli", "-p", str(server.port), *login, *map(str, words)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
