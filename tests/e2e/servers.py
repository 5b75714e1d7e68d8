"""Real servers for the tests: on loopback, on free ports, in temporary folders, stopped by their pid."""
import itertools
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PG_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")


# Below the range that the kernel takes ports of outgoing connections from, and of each test process
# its own part: nobody else can take a port between its being found free and its being listened on.
_PORTS = 4000
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_begin = random.randrange(_PORTS)
_ports = itertools.cycle(10000 + _worker * _PORTS + (_begin + i) % _PORTS for i in range(_PORTS))


def free_port():
    """One that nobody listens on; the same one comes again only when all others were given."""
    for port in itertools.islice(_ports, _PORTS):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise OSError("no port is free")


def wait_until(what, seconds=40, every=0.05):
    """Waits until what() is true; what it raises counts as not yet."""
    end = time.monotonic() + seconds
    while True:
        try:
            result = what()
            if result:
                return result
        except (OSError, subprocess.SubprocessError):
            pass
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s in vain for {getattr(what, '__name__', what)}")
        time.sleep(every)


def listens(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def as_user(name):
    """For servers that refuse to run as root: one pid, since setpriv execs."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups"]


class Server:
    """A process of ours with a folder of its own."""

    def __init__(self, name):
        self.name, self.process = name, None
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"runbookd-{name}-"))
        self.dir.chmod(0o755)

    def spawn(self, argv, **more):
        log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)
        log.close()

    def log(self):
        return (self.dir / "log").read_text(errors="replace")

    def freeze(self):
        """Stops the process, and those it started, without ending them: it accepts, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass  # a child that ended meanwhile

    def pids(self):
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout
        return [self.process.pid] + [int(p) for p in children.split()]

    def kill(self):
        if self.process and self.process.poll() is None:
            self.thaw()
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def close(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


class Redis(Server):
    def __init__(self, *options, tls=None, acl=None):
        super().__init__("redis")
        self.port = free_port()
        self.options, self.tls, self.acl = list(options), tls, acl
        self.start()

    def start(self):
        argv = ["redis-server", "--bind", "127.0.0.1", "--save", "", "--dir", str(self.dir)]
        if self.tls:
            argv += ["--port", "0", "--tls-port", str(self.port), "--tls-cert-file", str(self.tls.chain), "--tls-key-file",
                     str(self.tls.key), "--tls-ca-cert-file", str(self.tls.root), "--tls-auth-clients", "no"]
        else:
            argv += ["--port", str(self.port)]
        if self.acl:
            (self.dir / "acl").write_text(self.acl)
            argv += ["--aclfile", str(self.dir / "acl")]
        self.spawn(argv + self.options)
        wait_until(lambda: listens(self.port))

    @property
    def url(self):
        return f"{'rediss' if self.tls else 'redis'}://127.0.0.1:{self.port}"

    def do(self, *words, user=None, password=None):
        argv = ["redis-cli", "-p", str(self.port)]
        if self.tls:
            argv += ["--tls", "--cacert", str(self.tls.root)]
        env = dict(os.environ)
        if password:
            env["REDISCLI_AUTH"] = password
        if user:
            argv += ["--user", user]
        return subprocess.run(argv + [str(w) for w in words], capture_output=True, text=True, timeout=10, env=env).stdout.strip()


class Postgres(Server):
    """PostgreSQL 15 with the roles postgres/secret, monitor/monitor (pg_monitor) and app/app."""

    bin = PG_BIN  # where initdb and postgres are; the clients are always Debian's

    def __init__(self, **settings):
        super().__init__("postgres")
        self.port = free_port()
        self.data = self.dir / "data"
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.dir, owner.pw_uid, owner.pw_gid)
        (self.dir / "pw").write_text("secret\n")
        (self.dir / "pw").chmod(0o644)
        subprocess.run(as_user("postgres") + [self.bin / "initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256",
                                              f"--pwfile={self.dir / 'pw'}", "--no-sync", "-E", "UTF8", "--locale=C"],
                       check=True, capture_output=True)
        settings = {"listen_addresses": "'127.0.0.1'", "port": self.port, "unix_socket_directories": "''",
                    "fsync": "off", **settings}
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.writelines(f"{key} = {value}\n" for key, value in settings.items())
        self.start()
        self.sql("create role monitor login password 'monitor' in role pg_monitor")
        self.sql("create role app login password 'app'")

    def start(self):
        self.spawn(as_user("postgres") + [str(self.bin / "postgres"), "-D", str(self.data)])
        wait_until(lambda: subprocess.run([PG_BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0)

    @property
    def url(self):
        return f"postgres://monitor:monitor@127.0.0.1:{self.port}/postgres"

    def client(self, sql, user="postgres", password="secret", database="postgres", application="psql"):
        """A psql of its own, which goes on until it is ended."""
        env = dict(os.environ, PGPASSWORD=password, PGAPPNAME=application, PGCONNECT_TIMEOUT="5")
        return subprocess.Popen([PG_BIN / "psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", user,
                                 "-d", database, "-c", sql], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, env=env)

    def sql(self, sql, seconds=60, **more):
        client = self.client(sql, **more)
        out, _ = client.communicate(timeout=seconds)
        assert client.returncode == 0, out
        return out.strip()

    def sessions(self, count, sql="select pg_sleep(600)", **more):
        """That many sessions, which are there when this returns; end_sessions() ends them."""
        more = {"user": "app", "password": "app", "application": "backend", **more}
        clients = []

        def enough():
            # A session that came while our own query held the last slot was refused: another one is tried.
            alive = sum(client.poll() is None for client in clients)
            clients.extend(self.client(sql, **more) for _ in range(count - alive))
            time.sleep(0.2)
            return self.count_sessions(more["application"]) >= count

        wait_until(enough)
        return clients

    def count_sessions(self, application):
        return int(self.sql(f"select count(*) from pg_stat_activity where application_name = '{application}'"))

    def end_sessions(self, application="backend"):
        def none_left():
            self.sql(f"select pg_terminate_backend(pid) from pg_stat_activity where application_name = '{application}'")
            return self.count_sessions(application) == 0
        wait_until(none_left)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.thaw()
            self.process.send_signal(signal.SIGINT)  # "fast" shutdown
            self.process.wait(20)


class Nginx(Server):
    """nginx with the given server blocks; `locations` go into one plain server on `port`."""

    def __init__(self, locations="", servers="", connections=512):
        super().__init__("nginx")
        self.port = free_port()
        paths = " ".join(f"{kind}_temp_path {self.dir}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.dir / "conf").write_text(
            f"daemon off; pid {self.dir}/pid; error_log {self.dir}/err; worker_processes 1; "
            f"worker_rlimit_nofile {2 * connections}; events {{ worker_connections {connections}; }}\n"
            f"http {{ access_log off; {paths}\nserver {{ listen 127.0.0.1:{self.port}; {locations} }}\n{servers}\n}}\n")
        self.start()

    def start(self):
        self.spawn(["nginx", "-c", str(self.dir / "conf"), "-e", str(self.dir / "err")])
        wait_until(lambda: listens(self.port))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"
