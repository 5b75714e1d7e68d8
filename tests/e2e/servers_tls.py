"""Real servers that begin TLS their own way, without data and in folders of their own: MariaDB, OpenLDAP, Dovecot, Exim; and HAProxy, which ends it."""
import grp
import os
import pwd
import shutil

from servers import Server, as_user, free_port, listens, wait_until


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


class Imap(Server):
    """Dovecot with IMAP and nothing else; nobody logs in.  It refuses to run as root in one folder, and does as its own user."""

    def __init__(self, pair=None):
        super().__init__("dovecot")
        self.port = free_port()
        user = pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            user = "dovecot"
            shutil.chown(self.dir, user, user)
        tls = "no"
        if pair:
            key = self.dir / "key"
            shutil.copy(pair.key, key)
            shutil.chown(key, user)
            tls = f"yes\nssl_cert = <{pair.chain}\nssl_key = <{key}"
        (self.dir / "conf").write_text(
            f"base_dir = {self.dir}/run\nstate_dir = {self.dir}/state\nlog_path = /dev/stderr\nprotocols = imap\nlisten = 127.0.0.1\n"
            f"default_internal_user = {user}\ndefault_login_user = {user}\ndefault_internal_group = {grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name}\n"
            "service anvil {\n  chroot =\n}\nservice imap-login {\n  chroot =\n"
            f"  inet_listener imap {{\n    port = {self.port}\n  }}\n  inet_listener imaps {{\n    port = 0\n  }}\n}}\n"
            f"passdb {{\n  driver = static\n  args = nopassword=y\n}}\nssl = {tls}\n")
        self.spawn([*as_user(user), "dovecot", "-F", "-c", str(self.dir / "conf")])
        wait_until(lambda: listens(self.port))


class Smtp(Server):
    """Exim, which takes no mail."""

    def __init__(self, pair=None):
        super().__init__("exim")
        self.port = free_port()
        user = "Debian-exim" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self.dir, user, user)
        tls = "tls_advertise_hosts =\n"
        if pair:
            key = self.dir / "key"
            shutil.copy(pair.key, key)
            shutil.chown(key, user)
            tls = f"tls_certificate = {pair.chain}\ntls_privatekey = {key}\n"
        (self.dir / "conf").write_text(
            f"exim_user = {user}\nspool_directory = {self.dir}\nlog_file_path = {self.dir}/exim-%slog\npid_file_path = {self.dir}/pid\n"
            f"primary_hostname = mail.example\nlocal_interfaces = 127.0.0.1\nrfc1413_query_timeout = 0s\nhost_lookup =\n{tls}")
        self.spawn([*as_user(user), "exim4", "-bdf", "-C", str(self.dir / "conf"), "-oX", f"127.0.0.1:{self.port}", "-oP", str(self.dir / "pid")])
        wait_until(lambda: listens(self.port))


class HaProxy(Server):
    """TLS ends here; what is behind it is `back`, a port, or nobody.  `binds` follow "bind 127.0.0.1:PORT ssl"."""

    def __init__(self, back, binds):
        super().__init__("haproxy")
        self.ports = {name: free_port() for name in binds}
        (self.dir / "conf").write_text(
            "global\n  maxconn 200\n  ssl-default-bind-options ssl-min-ver TLSv1.2\ndefaults\n  mode http\n  retries 0\n  timeout connect 5s\n  timeout client 10s\n"
            "  timeout server 10s\n"
            + "".join(f"frontend {name}\n  bind 127.0.0.1:{self.ports[name]} ssl {words}\n  default_backend back\n" for name, words in binds.items())
            + f"backend back\n  server one 127.0.0.1:{back}\n")
        self.spawn(["haproxy", "-db", "-f", str(self.dir / "conf")])
        wait_until(lambda: all(listens(port) for port in self.ports.values()))
