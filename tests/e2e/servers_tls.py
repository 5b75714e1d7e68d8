"""Real servers that begin TLS their own way: MariaDB and OpenLDAP, without data, in folders of their own."""
from servers import Server, free_port, listens, wait_until


class MariaDb(Server):
    """It starts without system tables, since nobody logs in."""

    def __init__(self, pair=None):
        super().__init__("mariadb")
        self.port = free_port()
        (self.dir / "data").mkdir()
        words = ["--no-defaults", "--user=root", "--skip-grant-tables", f"--datadir={self.dir}/data", f"--socket={self.dir}/s", f"--port={self.port}",
                 "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M", f"--pid-file={self.dir}/pid"]
        if pair:
            words += [f"--ssl-cert={pair.chain}", f"--ssl-key={pair.key}"]
        self.spawn(["mariadbd", *words])
        wait_until(lambda: listens(self.port))


class Ldap(Server):
    def __init__(self, pair=None):
        super().__init__("slapd")
        self.port = free_port()
        tls = f"TLSCertificateFile {pair.chain}\nTLSCertificateKeyFile {pair.key}\n" if pair else ""
        (self.dir / "slapd.conf").write_text(f"include /etc/ldap/schema/core.schema\npidfile {self.dir}/pid\n{tls}")
        self.spawn(["slapd", "-h", f"ldap://127.0.0.1:{self.port}", "-f", str(self.dir / "slapd.conf"), "-d", "0"])
        wait_until(lambda: listens(self.port))
