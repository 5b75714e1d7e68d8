"""A collector that takes events by HTTP, and misbehaves when it is told to."""
import gzip
import http.server
import json
import socket
import socketserver
import subprocess
import threading
import time


def unpack(headers, body):
    packed = headers.get("Content-Encoding", "none")
    if packed == "gzip":
        return gzip.decompress(body)
    if packed == "zstd":
        return subprocess.run(["zstd", "-dc"], input=body, capture_output=True, check=True).stdout
    return body


def hung_up(connection):
    """Whether the sender no longer waits: it was killed, or its time was up.  What it sends anew may be here already, and comes first."""
    try:
        return socket.socket.recv(connection, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


class Request:
    """One that came, and what was answered."""

    def __init__(self, path, headers, body, code):
        self.path, self.headers, self.body, self.code, self.at = path, headers, body, code, time.monotonic()

    @property
    def lines(self):
        return [json.loads(line) for line in self.body.splitlines()]


class Receiver:
    """`fault(number, request)` decides about each: None takes it, a number is the answer, a word is done (hang, cut, lose)."""

    def __init__(self, port=0, fault=None, reply=b"", tls=None):
        self.requests, self.fault, self.reply, self.lock = [], fault, reply, threading.Lock()
        self.release, self.port = threading.Event(), port
        self.tls = tls
        self.server = None
        self.up()

    def up(self):
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                owner.serve(self)

            def log_message(self, *words):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

            def handle_error(self, *words):
                pass  # the agent hangs up when it is killed

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        if self.tls:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def down(self):
        self.server.shutdown()
        self.server.server_close()

    def close(self):
        self.release.set()
        self.down()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/"

    def serve(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        request = Request(handler.path, handler.headers, unpack(handler.headers, body), 200)
        with self.lock:
            if hung_up(handler.connection):
                handler.close_connection = True
                return
            verdict = self.fault(len(self.requests), request) if self.fault else None
            code, headers = (verdict if isinstance(verdict, tuple) else (verdict, {}))
            request.code = 200 if code in (None, "lose") else code
            self.requests.append(request)
        if code == "hang":
            self.release.wait(30)
        if code in ("hang", "lose"):  # lose: taken, but the answer never comes
            handler.close_connection = True
            return
        if code == "cut":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            handler.close_connection = True
            return
        reply = self.reply if code is None else b"no"
        handler.send_response(code or 200)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply)))
        handler.end_headers()
        handler.wfile.write(reply)

    @property
    def batches(self):
        """The events of each request that was answered with 200, or as good as that."""
        with self.lock:
            return [request.lines for request in self.requests if request.code == 200]

    @property
    def taken(self):
        return [event for batch in self.batches for event in batch]

    def wait_for(self, what, seconds=30):
        start = time.monotonic()
        while time.monotonic() < start + seconds:
            found = [event for event in self.taken if what(event)]
            if found:
                return found[0]
            time.sleep(0.02)
        raise AssertionError(f"no such event in {seconds} s; {len(self.requests)} requests, codes "
                             f"{[r.code for r in self.requests][-20:]}")


def about_itself(events, sink):
    """What was said about a sink, which it does not get itself: boots and seqs."""
    steps = ("sink_down", "sink_up", "sink_quarantined")
    return {(event["agent"]["boot"], event["seq"]) for event in events if event.get("step") in steps and event["sink"] == sink}


def assert_whole(collector, boots=None, but=()):
    """In order and without a gap within each boot, `but` these; what comes twice, whole or in parts, is of the last batch
    that held something new.  The last seq of each boot."""
    last, before = {}, set()
    for batch in collector.batches:
        keys, new = [(event["agent"]["boot"], event["seq"]) for event in batch], False
        for boot, seq in keys:
            if seq <= last.get(boot, 0):
                assert (boot, seq) in before, f"boot {boot}: {seq} came again, and not of the last batch"
            else:
                due = last.get(boot, 0) + 1
                while (boot, due) in but:
                    due += 1
                assert seq == due, f"boot {boot}: {seq} follows {last.get(boot, 0)}"
                last[boot], new = seq, True
        before = set(keys) if new else before
    assert boots is None or len(last) == boots, last
    return last
