"""ClickHouse, as old and as new as there is: Debian's 18.16, and 26.7 out of npm's chdb (chserver.c); and the ZooKeeper
that replicated tables need.  Each on loopback, in a folder of its own."""
import glob
import os
import pathlib
import re
import socket
import urllib.error
import urllib.parse
import urllib.request

import servers

PACKAGES = pathlib.Path(__file__).resolve().parents[2] / "packaging"
LIBCHDB = pathlib.Path(os.environ["RUNBOOKD_NPM"]) / "node_modules" / "@chdb" / "lib-linux-x64-gnu" / "libchdb.so"
CHSERVER = pathlib.Path(os.environ["RUNBOOKD_BUILD"]) / "bin" / "chserver"


class Refused(Exception):
    """What the server said: a status and a text."""

    def __init__(self, status, text):
        super().__init__(f"HTTP {status}: {text}")
        self.status, self.text = status, text


class ClickHouse(servers.Server):
    """Users: default (everything), monitor/secret (readonly = 1), and those of `users`, who may read and set limits, and of
    `operators`: {name: [a grant, ...]}, password pw."""

    root, version = "yandex", None

    def __init__(self, users=None, operators=None, zookeeper=None, replica="r1", advertised="127.0.0.1", config=""):
        super().__init__("clickhouse")
        self.http, self.tcp, self.interserver = (servers.free_port() for _ in range(3))
        self.users, self.operators = users or {}, operators or {}
        self.zookeeper, self.replica, self.more = zookeeper, replica, config
        for name in ("data", "tmp"):
            (self.dir / name).mkdir()
        self.configure(advertised)
        self.start()

    def configure(self, advertised):
        """`advertised`: where other replicas are told to fetch parts."""
        zookeeper, replicas = self.zookeeper, ""
        if zookeeper:
            replicas = (
                f"<zookeeper><node><host>127.0.0.1</host><port>{zookeeper.port}</port></node><session_timeout_ms>2000</session_timeout_ms>"
                f"</zookeeper><interserver_http_host>{advertised}</interserver_http_host><interserver_http_port>{self.interserver}"
                f"</interserver_http_port><macros><replica>{self.replica}</replica></macros>")
        (self.dir / "users.xml").write_text(self.users_xml())
        (self.dir / "config.xml").write_text(f"<{self.root}>{self.config_xml()}{replicas}{self.more}</{self.root}>")

    def users_xml(self):
        def user(name, password, profile, grants=()):
            queries = "".join(f"<query>{grant}</query>" for grant in grants)
            return (f"<{name}><password>{password}</password><networks><ip>127.0.0.1</ip></networks><profile>{profile}</profile>"
                    f"<quota>default</quota>{f'<grants>{queries}</grants>' if grants else ''}</{name}>")
        named = "".join(user(name, "pw", "limited", grants) for name, grants in self.users.items())
        named += "".join(user(name, "pw", "default", grants) for name, grants in self.operators.items())
        return (f"<{self.root}><profiles><default/><readonly><readonly>1</readonly></readonly><limited><readonly>2</readonly></limited></profiles>"
                f"<quotas><default/></quotas><users>{user('default', '', 'default')}{user('monitor', 'secret', 'readonly')}{named}</users></{self.root}>")

    def ask(self, sql, user="default", password="", timeout=30, **params):
        """The reply's text; Refused, if the server says no."""
        request = urllib.request.Request(f"{self.url}/?{urllib.parse.urlencode(params)}", sql.encode(),
                                         {"X-ClickHouse-User": user, "X-ClickHouse-Key": password})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                return reply.read().decode(errors="replace").strip()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode(errors="replace")) from None

    def client(self, sql, **params):
        """A request of its own, which goes on until it is killed."""
        return servers.subprocess.Popen(["curl", "-sS", f"{self.url}/?{urllib.parse.urlencode(params)}", "--data-binary", sql],
                                        stdin=servers.subprocess.DEVNULL, stdout=servers.subprocess.PIPE,
                                        stderr=servers.subprocess.STDOUT, text=True)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log())
        with urllib.request.urlopen(f"{self.url}/ping", timeout=1) as reply:
            return reply.read() == b"Ok.\n"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http}"


class Old(ClickHouse):
    version = "18.16.1"

    def config_xml(self):
        d = self.dir
        return (f"<logger><level>warning</level><console>1</console></logger><http_port>{self.http}</http_port><tcp_port>{self.tcp}</tcp_port>"
                f"<listen_host>127.0.0.1</listen_host><path>{d}/data/</path><tmp_path>{d}/tmp/</tmp_path><users_config>{d}/users.xml</users_config>"
                "<default_profile>default</default_profile><default_database>default</default_database>"
                "<mark_cache_size>100000000</mark_cache_size><max_concurrent_queries>50</max_concurrent_queries>")

    def start(self):
        self.spawn(["/usr/sbin/clickhouse-server", f"--config-file={self.dir}/config.xml"], cwd=self.dir)
        servers.wait_until(self.answers)


class New(ClickHouse):
    root, version = "clickhouse", "26.7.2.1"

    def config_xml(self):
        return (f"<tcp_port>{self.tcp}</tcp_port><users_config>{self.dir}/users.xml</users_config><access_control_improvements>"
                "<select_from_system_db_requires_grant>true</select_from_system_db_requires_grant></access_control_improvements>")

    def start(self):
        # The last query keeps it alive; system.processes shows it without a user.
        query = ("SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; SELECT sleepEachRow(3) FROM numbers(2400) FORMAT Null "
                 "SETTINGS max_block_size=1, function_sleep_max_microseconds_per_block=0")
        self.spawn([str(CHSERVER), "-C", str(self.dir / "config.xml"), "--path", str(self.dir / "data"),
                                                "--listen_host", "127.0.0.1", "--http_port", str(self.http), "--query", query],
                   cwd=self.dir, env=dict(os.environ, LIBCHDB=str(LIBCHDB)))
        servers.wait_until(self.answers)


class ZooKeeper(servers.Server):
    def __init__(self):
        super().__init__("zookeeper")
        self.port = servers.free_port()
        (self.dir / "data").mkdir()
        (self.dir / "zoo.cfg").write_text(f"tickTime=500\ndataDir={self.dir}/data\nclientPortAddress=127.0.0.1\nclientPort={self.port}\n"
                                          "admin.enableServer=false\n")
        self.start()

    def start(self):
        jars = ":".join(sorted(glob.glob("/usr/share/java/zookeeper*.jar")) + ["/etc/zookeeper/conf", "/usr/share/java/*"])
        self.spawn(["java", "-Xmx128m", "-cp", jars, "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(self.dir / "zoo.cfg")])
        servers.wait_until(self.serves)

    def serves(self):
        """It listens before it takes sessions: what asks it earlier is told that there is no ZooKeeper."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"srvr")
            answer = b""
            while part := connection.recv(4096):
                answer += part
        return b"Mode: " in answer


def grants(name="clickhouse.sql"):
    """The GRANT statements of packaging/grants as users.xml has them: without whom they are for."""
    text = re.sub(r"--.*", "", (PACKAGES / "grants" / name).read_text())
    found = [re.sub(r"\s+TO \w+$", "", " ".join(statement.split())) for statement in text.split(";") if statement.strip().startswith("GRANT")]
    assert found
    return found
