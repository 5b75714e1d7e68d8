"""PgBouncer in front of a PostgreSQL, in transaction mode."""
import os
import signal
import subprocess

import servers

USERS = ["monitor", "app", "watch", "boss"]  # each with its name as password; watch may look, boss may do


class PgBouncer(servers.Server):
    """All clients share one login to the server (monitor), so that they share a pool, and its one connection."""

    def __init__(self, postgres, databases=None, users=(), **settings):
        super().__init__("pgbouncer")
        self.port, self.postgres = servers.free_port(), postgres
        self.databases = databases or {"postgres": f"host=127.0.0.1 port={postgres.port} user=monitor password=monitor"}
        self.settings = {"listen_addr": "127.0.0.1", "listen_port": self.port, "unix_socket_dir": "", "auth_type": "scram-sha-256",
                         "auth_file": self.dir / "users", "pool_mode": "transaction", "default_pool_size": 1, "max_client_conn": 50,
                         "stats_users": "watch", "admin_users": "boss", "server_login_retry": 1, **settings}
        (self.dir / "users").write_text("".join(f'"{user}" "{user}"\n' for user in [*USERS, *users]))
        self.configure()
        self.start()

    def configure(self, **settings):
        """Writes the configuration; who is there already reads it again."""
        self.settings.update(settings)
        lines = ["[databases]", *(f"{name} = {where}" for name, where in self.databases.items()), "[pgbouncer]",
                 *(f"{key} = {value}" for key, value in self.settings.items())]
        (self.dir / "ini").write_text("\n".join(lines) + "\n")
        if self.process:
            os.kill(self.process.pid, signal.SIGHUP)

    def start(self):
        self.spawn(servers.as_user("postgres") + ["/usr/sbin/pgbouncer", str(self.dir / "ini")])
        servers.wait_until(lambda: servers.listens(self.port))

    @property
    def url(self):
        return f"postgres://monitor:monitor@127.0.0.1:{self.port}/postgres"

    @property
    def console_url(self):
        return f"pgbouncer://watch:watch@127.0.0.1:{self.port}"

    def console(self, command):
        """What the console answers to its admin; rows of a SHOW as dictionaries."""
        run = subprocess.run([servers.PG_BIN / "psql", "-qXA", "-F", "\t", "-P", "footer=off", "-v", "ON_ERROR_STOP=1",
                              f"postgres://boss:boss@127.0.0.1:{self.port}/pgbouncer", "-c", command],
                             capture_output=True, text=True, timeout=20)
        assert run.returncode == 0, run.stderr
        lines = [line.split("\t") for line in run.stdout.splitlines()]
        return [dict(zip(lines[0], line)) for line in lines[1:]]
