"""A real name server: BIND's named, authoritative for a few zones, in the foreground and in a folder of its own.

    bind = Named()                      127.0.0.1:bind.port and [::1]:bind.port, UDP and TCP
    bind.zone("shop.test", "www A 192.0.2.9")   rewrites a zone, and lets the server read it again
"""
import os
import signal
import socket
import struct

from servers import Server, free_port, wait_until

HEAD = """$TTL 300
@ SOA ns1.{zone}. hostmaster.{zone}. {serial} 3600 600 86400 60
@ NS ns1.{zone}.
ns1 A 127.0.0.1
"""

SHOP = """www A 192.0.2.7
www A 192.0.2.8
www AAAA 2001:db8::7
short 20 A 192.0.2.7
alias CNAME www
dangling CNAME gone.shop.test.
@ MX 10 mail
@ MX 20 Backup.Example.
@ TXT "v=spf1 -all" " and; \\"more\\""
@ CAA 0 issue "ca.example"
_sip._tcp SRV 10 60 5060 sip
long TXT {long}
""".replace("{long}", " ".join(f'"{chr(97 + i) * 250}"' for i in range(6)))

ZONES = {"shop.test": SHOP, "2.0.192.in-addr.arpa": "7 PTR www.shop.test.\n", "broken.test": "this is no zone\n",
         "test": "child NS ns.elsewhere.example.\n"}


def question(name):
    return b"\x12\x34\x01\x00" + struct.pack(">HHHH", 1, 0, 0, 0) + b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0\0\6\0\1"


class Named(Server):
    def __init__(self, **zones):
        super().__init__("named")
        self.port, self.serial = free_port(), 1
        self.zones = {**ZONES, **{name.replace("_", "."): text for name, text in zones.items()}}
        self.start()

    def start(self):
        listed = "".join(f'zone "{name}" {{ type primary; file "{name}.db"; }};\n' for name in self.zones)
        (self.dir / "named.conf").write_text(
            f'options {{ directory "{self.dir}"; listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 port {self.port} {{ ::1; }}; recursion no;'
            ' pid-file none; session-keyfile none; managed-keys-directory "."; dnssec-validation no; empty-zones-enable no;'
            f' max-udp-size 1232; check-names primary ignore; }};\ncontrols {{}};\n{listed}')
        for name, text in self.zones.items():
            self._write(name, text)
        self.spawn(["named", "-g", "-n", "1", "-c", str(self.dir / "named.conf")])
        wait_until(self.serves)

    def _write(self, name, text):
        (self.dir / f"{name}.db").write_text(HEAD.format(zone=name, serial=self.serial) + text)

    def serves(self):
        """How many of the serial's bytes are there: it answers for shop.test."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.5)
            asking.sendto(question("shop.test"), ("127.0.0.1", self.port))
            reply = asking.recv(2000)
        return reply[3] & 15 == 0 and struct.pack(">I", self.serial) in reply

    def zone(self, name, text):
        self.serial += 1
        self._write(name, text)
        os.kill(self.process.pid, signal.SIGHUP)
        if name == "shop.test":
            wait_until(self.serves)
