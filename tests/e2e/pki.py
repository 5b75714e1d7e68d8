"""A test PKI: good certificates and each kind of bad one, made by openssl as they are asked for.

    pki = Pki()
    pki.root                     the authority to trust, PEM
    pki.chain("good")            what a server presents: leaf and intermediate
    pki.key("good")              its private key
    pki.staple("good")           an OCSP response, DER, as the issuer's responder gives it
    pki.revoke("good")           from now on it says "revoked"
    pki.close()

Names and addresses of all but the odd ones are localhost, 127.0.0.1 and ::1.
"""
import datetime
import pathlib
import shutil
import subprocess
import tempfile

LOCAL = "DNS:localhost,IP:127.0.0.1,IP:::1"

CONFIG = """
[ca]
default_ca=d
[d]
dir=ca
database=ca/index
serial=ca/serial
new_certs_dir=ca
default_md=sha256
policy=p
copy_extensions=copy
[p]
commonName=supplied
[authority]
basicConstraints=critical,CA:true
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[leaf]
basicConstraints=CA:false
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[client]
basicConstraints=CA:false
extendedKeyUsage=clientAuth
[req]
distinguished_name=dn
[dn]
"""

# How each differs from one that is good for 90 days; days count from now.
KINDS = {
    "good": {},
    "other": {},                                    # as good, another key
    "young": {"start": -1, "end": 5},               # short-lived, and freshly made
    "month": {"start": -60, "end": 20},
    "soon": {"start": -85, "end": 5},
    "hours": {"start": -80, "end": 0.125},
    "expired": {"start": -90, "end": -1},
    "notyet": {"start": 2},
    "wronghost": {"san": "DNS:other.example"},
    "nosan": {"san": None},                         # a common name only
    "twice": {"start": -90, "end": -1, "san": "DNS:other.example"},
    "weak": {"key": "rsa1024"},
    "sha1": {"digest": "sha1"},
    "rsa": {"key": "rsa2048"},
    "clientonly": {"section": "client"},
    "client2": {"section": "client"},
    "clientexpired": {"section": "client", "start": -90, "end": -1},
    "revoked": {}, "revoked2": {},
    "muststaple": {"extra": ["-addext", "tlsfeature=status_request"]},
    "oldint": {"issuer": "int-old"},                # an expired intermediate above a good leaf
}


class Pair:
    """A chain and its key, as servers.Redis(tls=...) takes it."""

    def __init__(self, chain, key, root):
        self.chain, self.key, self.root = chain, key, root


class Pki:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="runbookd-pki-"))
        self.dir.chmod(0o755)
        (self.dir / "ca").mkdir()
        for name, text in {"ca/index": "", "ca/index.attr": "unique_subject=no\n", "ca/serial": "1000\n", "ca.cnf": CONFIG}.items():
            (self.dir / name).write_text(text)
        self._make_key("root", "ec")
        self._openssl("req", "-new", "-x509", "-config", "ca.cnf", "-extensions", "authority", "-key", "root.key",
                      "-subj", "/CN=Test Root", "-days", "3650", "-out", "root.crt")
        self.root = self.dir / "root.crt"
        self._make("int", "root", "authority", end=1000)

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def chain(self, name):
        path = self.dir / f"{name}.chain"
        if not path.exists():
            self._make_chain(name)
        return path

    def key(self, name, owner=None):
        """The private key; with an owner a copy that only this user reads, as PostgreSQL wants it."""
        self.chain(name)
        path = self.dir / f"{name}.key"
        if not owner:
            return path
        own = self.dir / f"{name}.{owner}.key"
        shutil.copy(path, own)
        own.chmod(0o600)
        shutil.chown(own, owner)
        return own

    def pair(self, name):
        return Pair(self.chain(name), self.key(name), self.root)

    def staple(self, name):
        self.chain(name)
        self._openssl("ocsp", "-issuer", "int.crt", "-cert", f"{name}.crt", "-reqout", f"{name}.ocspreq")
        self._openssl("ocsp", "-index", "ca/index", "-CA", "int.crt", "-rsigner", "int.crt", "-rkey", "int.key", "-reqin", f"{name}.ocspreq",
                      "-respout", f"{name}.staple", "-ndays", "7")
        return self.dir / f"{name}.staple"

    def revoke(self, name):
        self.chain(name)
        self._openssl("ca", "-config", "ca.cnf", "-revoke", f"{name}.crt", "-cert", "int.crt", "-keyfile", "int.key", "-crl_reason", "keyCompromise")

    def crl(self, issuer, days=7):
        """The issuer's list of what was revoked, PEM; days below zero: it ended that long ago."""
        until = ["-crl_lastupdate", self._date(-40), "-crl_nextupdate", self._date(days)]
        self._openssl("ca", "-config", "ca.cnf", "-gencrl", "-cert", f"{issuer}.crt", "-keyfile", f"{issuer}.key", *until, "-out", f"{issuer}.crl")
        return self.dir / f"{issuer}.crl"

    # ---- how they are made ----

    def _openssl(self, *words):
        done = subprocess.run(["openssl", *words], cwd=self.dir, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"openssl {' '.join(words)}:\n{done.stderr}"

    def _make_key(self, name, kind):
        how = ["genrsa", "-out", f"{name}.key", kind[3:]] if kind.startswith("rsa") else [
            "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key"]
        self._openssl(*how)

    @staticmethod
    def _date(days):
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
        return at.strftime("%Y%m%d%H%M%SZ")

    def _make(self, name, issuer, section, start=-1, end=90, key="ec", san=None, digest="sha256", extra=()):
        """NAME.key and NAME.crt, signed by the issuer."""
        self._make_key(name, key)
        names = [*(["-addext", f"subjectAltName={san}"] if san else []), *extra]
        self._openssl("req", "-new", "-config", "ca.cnf", "-key", f"{name}.key", "-subj", f"/CN={name}", *names, "-out", f"{name}.csr")
        self._openssl("ca", "-batch", "-config", "ca.cnf", "-extensions", section, "-cert", f"{issuer}.crt", "-keyfile", f"{issuer}.key",
                      "-notext", "-startdate", self._date(start), "-enddate", self._date(end), "-md", digest,
                      "-in", f"{name}.csr", "-out", f"{name}.crt")

    def _bundle(self, name, *parts):
        (self.dir / f"{name}.chain").write_text("".join((self.dir / f"{part}.crt").read_text() for part in parts))

    def _make_chain(self, name):
        if name == "selfsigned":
            self._make_key(name, "ec")
            self._openssl("req", "-new", "-x509", "-config", "ca.cnf", "-key", f"{name}.key", "-subj", "/CN=localhost",
                          "-addext", f"subjectAltName={LOCAL}", "-days", "90", "-out", f"{name}.crt")
            self._bundle(name, name)
        elif name in ("noint", "badorder"):
            shutil.copy(self.key("good"), self.dir / f"{name}.key")
            self._bundle(name, *(["good"] if name == "noint" else ["good", "root", "int"]))
        else:
            kind = {"issuer": "int", "section": "leaf", "san": LOCAL, **KINDS[name]}
            issuer = kind.pop("issuer")
            if issuer == "int-old" and not (self.dir / "int-old.crt").exists():
                self._make("int-old", "root", "authority", start=-90, end=-1)
            self._make(name, issuer, kind.pop("section"), **kind)
            self._bundle(name, name, issuer)
