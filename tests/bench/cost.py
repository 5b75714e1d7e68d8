"""CPU a check: the agent beside a loop over the client library alone, in the same seconds."""
import servers
from bench import BUILD, ROOT, Agent, Bare, http_target, median, mib, only, say, side_by_side

POSTGRES_SQL = ROOT / "plugins/postgres/checks/connections.sql"


class World:
    """The servers that are asked: nginx (plain and TLS), Redis, Postgres."""

    def __init__(self, pki):
        self.pki = pki
        self.secure_port = servers.free_port()
        self.nginx = servers.Nginx(
            "location / { return 200 'fine'; }",
            f"server {{ listen 127.0.0.1:{self.secure_port} ssl; server_name localhost; ssl_certificate {pki.chain('good')};"
            f" ssl_certificate_key {pki.key('good')}; ssl_session_cache off; location / {{ return 200 'fine'; }} }}",
            connections=16000)
        self.redis = servers.Redis("--maxclients", "10000")
        self.postgres = servers.Postgres(max_connections=200)

    def close(self):
        for server in (self.nginx, self.redis, self.postgres):
            server.close()


def redis_targets(world, count):
    others = only("redis", "memory")
    return [f"  r{i}: {{type: redis, url: '{world.redis.url}', every: 1s{others}}}\n" for i in range(count)]


def postgres_targets(world, count):
    others = only("postgres", "connections")
    return [f"  p{i}: {{type: postgres, url: '{world.postgres.url}', every: 1s{others}}}\n" for i in range(count)]


def fresh_targets(world, count):
    more = f", tls: {{ca: {world.pki.root}}}, checks: {{endpoint: {{connection: fresh}}}}"
    return [http_target(f"s{i}", f"https://localhost:{world.secure_port}/", more) for i in range(count)]


def cert_targets(world, count):
    return [f"  c{i}: {{type: cert, url: 'tls://127.0.0.1:{world.secure_port}', tls: {{ca: {world.pki.root}}}, every: 1s}}\n"
            for i in range(count)]


def cases(world, quick):
    url = world.nginx.url
    conninfo = f"host=localhost hostaddr=127.0.0.1 port={world.postgres.port} user=monitor password=monitor dbname=postgres"
    names = f"http://h%d.localhost:{world.nginx.port}"
    few = 200 if quick else 1000
    many = 1000 if quick else 5000
    yield (f"HTTP, {few} targets", 1.6, lambda: [http_target(f"h{i}", url) for i in range(few)], ("http", url, few))
    yield ("Redis, 500 targets", 1.6, lambda: redis_targets(world, 500), ("redis", world.redis.port, 500))
    yield ("Postgres, 50 targets", None, lambda: postgres_targets(world, 50), ("pg", conninfo, 50, POSTGRES_SQL))
    yield ("HTTPS, afresh, 50 targets", None, lambda: fresh_targets(world, 50),
           ("fresh", f"https://localhost:{world.secure_port}/", 50, world.pki.root))
    if (BUILD / "plugins/cert.so").exists():
        yield ("TLS (cert), 50 targets", 1.15, lambda: cert_targets(world, 50), ("tls", world.secure_port, 50, world.pki.root))
    yield (f"HTTP, {many} targets, one address", 1.6, lambda: [http_target(f"h{i}", url) for i in range(many)], ("http", url, many))
    yield (f"... against a loop that goes on watching ({many})", None, lambda: [http_target(f"h{i}", url) for i in range(many)],
           ("kept", url, many))
    yield (f"HTTP, {many} names", 1.6, lambda: [http_target(f"h{i}", names % i) for i in range(many)], ("names", world.nginx.port, many))


def measure(pki, quick, wanted=""):
    """Rows: what, the agent's us, the bare loop's, ratio, target, memory of both."""
    rows = []
    world = World(pki)
    try:
        for what, limit, targets, bare in cases(world, quick):
            if wanted not in what:
                continue
            say(f"  {what}")
            seen = [side_by_side(Agent(targets()), Bare(*bare), 3 if quick else 10) for _ in range(1 if quick else 2)]
            ours, theirs = (median(costs[who] for costs, _ in seen) for who in (0, 1))
            memory = [f"{mib(median(sizes[who][0] for _, sizes in seen))} / {mib(median(sizes[who][1] for _, sizes in seen))}" for who in (0, 1)]
            ratio = median(costs[0] / costs[1] for costs, _ in seen)
            rows.append([what, f"{ours:.1f}", f"{theirs:.1f}", f"{ratio:.2f}", f"<= {limit}" if limit else "", *memory])
    finally:
        world.close()
    return ["CPU a check", "agent us", "bare us", "ratio", "target", "agent RSS / anon MiB", "bare RSS / anon MiB"], rows
