"""PostgreSQL of every version that the agent is for: 15 is Debian's, the others come with tests/npm."""
import os
import pathlib
import subprocess

import servers

VERSIONS = [12, 13, 14, 15, 16, 17, 18]


def bin_of(version):
    if version == 15:
        return servers.PG_BIN
    return pathlib.Path(os.environ["RUNBOOKD_NPM"]) / "node_modules" / f"postgresql-{version}" / "native" / "bin"


class Version(servers.Postgres):
    """A server of that version, with pg_stat_statements; roles as servers.Postgres has them."""

    def __init__(self, version, **settings):
        self.version, self.bin = version, bin_of(version)
        super().__init__(**{"max_connections": 30, "shared_preload_libraries": "'pg_stat_statements'", "wal_level": "logical", **settings})
        self.sql("create extension pg_stat_statements")


class Application:
    """One session: a psql that is fed, and answers."""

    def __init__(self, port, user="monitor", database="postgres", password=None, application="psql"):
        self.process = subprocess.Popen(
            [servers.PG_BIN / "psql", "-qXAt", f"postgres://{user}:{password or user}@127.0.0.1:{port}/{database}?application_name={application}"], text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def tell(self, sql):
        """Sends it, and does not wait."""
        self.process.stdin.write(f"{sql}\n\\echo end-of-answer\n")
        self.process.stdin.flush()

    def hear(self):
        """All that psql printed for the first thing that was told, errors too."""
        lines = []
        while (line := self.process.stdout.readline()) not in ("end-of-answer\n", ""):
            lines.append(line.rstrip("\n"))
        return lines

    def ask(self, sql):
        self.tell(sql)
        return self.hear()

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.communicate()
