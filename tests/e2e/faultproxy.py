"""Faults to order, switched while an agent runs: a TCP proxy in front of a real server, and a name server.

    proxy = FaultProxy(redis.port)          127.0.0.1:proxy.port is the server, for now
    proxy.fault = "hang"                    ... of FAULTS; None: none, also for connections that stand
    proxy.close()

    names = NameServer()                    answers every name with 127.0.0.1
    names.answer = "hang" | "nxdomain" | "servfail" | "garbage"
    agent(config, under=names.under())      its /etc/resolv.conf is ours, the machine's own is not touched
"""
import ctypes
import os
import select
import socket
import struct
import tempfile
import threading
import time

_LIBC = ctypes.CDLL(None)  # connect() to no family is what Python's sockets cannot do

GARBAGE = bytes(range(128, 256)) * 8

FAULTS = {
    "refuse": "nobody listens any more, and what stood is reset",
    "hang": "connections are accepted, and nothing comes back",
    "blackhole": "a few bytes of the answer, then silence",
    "garbage": "bytes of no protocol instead of an answer",
    "slow": "two bytes a second",
    "reset": "a few bytes of the answer, then RST",
    "cut": "a few bytes of the answer, then FIN",
    "flood": "bytes without end instead of an answer",
    "latency": "each piece of an answer 60 ms late",
}


class FaultProxy:
    PASSED = 3  # how many bytes come through before blackhole, reset and cut: less than any whole answer

    def __init__(self, upstream):
        self.upstream, self.port = upstream, 0
        self._fault, self._listener, self._live, self._lock = None, None, set(), threading.Lock()
        self._closed = False
        self._listen()

    # ---- switching ----

    @property
    def fault(self):
        return self._fault

    @fault.setter
    def fault(self, fault):
        assert fault is None or fault in FAULTS, fault
        was, self._fault = self._fault, fault
        if fault == "refuse":
            self._deafen()
        elif was == "refuse":
            self._listen()
        if fault in ("refuse", "reset", "cut") or was in ("hang", "blackhole", "slow"):
            self.reset_all()  # what hung must not come alive in the middle of an answer

    def reset_all(self):
        with self._lock:
            live = list(self._live)
        for sock in live:
            _reset(sock)

    def close(self):
        self._closed = True
        self._deafen()
        self.reset_all()

    # ---- carrying ----

    def _listen(self):
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _deafen(self):
        """shutdown() wakes the thread in accept() and refuses from now on; close() alone would do neither."""
        listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with self._lock:
            self._live.add(client)
        server = None
        try:
            server = socket.create_connection(("127.0.0.1", self.upstream), timeout=5)
            server.settimeout(None)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_carry, args=(client, server), daemon=True).start()
            self._answer(server, client)
        except OSError:
            pass
        finally:
            with self._lock:
                self._live.discard(client)
            for sock in (client, server):
                if sock:
                    _end(sock)

    def _answer(self, server, client):
        passed = 0
        while True:
            bytes_ = server.recv(65536)
            fault = self._fault
            if fault in ("hang", "blackhole", "reset", "cut"):
                if fault != "hang":
                    client.sendall(bytes_[:max(0, self.PASSED - passed)])
                    passed += len(bytes_)
                if fault == "reset" and passed >= self.PASSED:
                    return _reset(client)
                if fault == "cut" and passed >= self.PASSED:
                    return None
                if not bytes_:
                    return self._stay_silent(client)
            elif not bytes_:
                return None
            elif fault == "garbage":
                client.sendall(GARBAGE)
            elif fault == "flood":
                while self._fault == "flood":
                    client.sendall(b"x" * 65536)
                return _reset(client)
            elif fault == "slow":
                self._drip(client, bytes_)
            else:
                if fault == "latency":
                    time.sleep(0.06)
                client.sendall(bytes_)

    def _drip(self, client, bytes_):
        for i in range(len(bytes_)):
            if self._fault != "slow":
                return client.sendall(bytes_[i:])
            client.sendall(bytes_[i:i + 1])
            time.sleep(0.5)
        return None

    def _stay_silent(self, client):
        """The server went, which a fault hides from the client until it goes itself."""
        while self._fault in ("hang", "blackhole") and not self._closed:
            time.sleep(0.05)
            if client.fileno() < 0:
                return


def _carry(client, server):
    try:
        while True:
            bytes_ = client.recv(65536)
            if not bytes_:
                break
            server.sendall(bytes_)
    except OSError:
        pass
    _end(server)


def _end(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()


def _reset(sock):
    """RST, at once: a thread may sit in recv() of this socket and keeps it open, so close() would not do."""
    address = struct.pack("H14x", socket.AF_UNSPEC)
    _LIBC.connect(sock.fileno(), address, len(address))


class NameServer:
    """DNS over UDP on a loopback address of its own; each A question is 127.0.0.1, for no time at all (TTL 0)."""

    def __init__(self):
        self.answer, self.asked, self.closing = None, 0, False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.77", 53))
        self.file = tempfile.NamedTemporaryFile("w", prefix="runbookd-resolv-", suffix=".conf")
        self.file.write("nameserver 127.0.0.77\n")
        self.file.flush()
        os.chmod(self.file.name, 0o644)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def under(self):
        """The words to start a program with, so that it alone sees our resolv.conf."""
        return ["unshare", "--mount", "sh", "-c", f'mount --bind {self.file.name} /etc/resolv.conf && exec "$@"', "sh"]

    def _serve(self):
        while not self.closing:
            ready, _, _ = select.select([self.socket], [], [], 0.2)
            if ready:
                question, who = self.socket.recvfrom(4096)
                self.asked += 1
                reply = self._reply(question)
                if reply:
                    self.socket.sendto(reply, who)

    def _reply(self, question):
        if self.answer == "hang":
            return None
        if self.answer == "garbage":
            return question[:2] + GARBAGE
        end = question.index(b"\0", 12) + 5
        kind = struct.unpack(">H", question[end - 4:end - 2])[0]
        code = {"nxdomain": 3, "servfail": 2}.get(self.answer, 0)
        found = code == 0 and kind == 1
        head = question[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, int(found), 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH4s", 1, 1, 0, 4, bytes([127, 0, 0, 1])) if found else b""
        return head + question[12:end] + record

    def close(self):
        self.closing = True
        self.thread.join()
        self.socket.close()
        self.file.close()
