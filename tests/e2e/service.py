"""A service for the HTTP tests: a real server on loopback whose answers are functions of the test's."""
import http.server
import json
import threading


class Answer:
    def __init__(self, status=200, body=b"", type="application/json", headers=None):
        self.status, self.type, self.headers = status, type, headers or {}
        self.body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else json.dumps(body).encode()


class Service:
    """`routes` maps "METHOD /path" to a function of the request, or to an Answer; what is asked is kept in `asked`."""

    def __init__(self, routes=None):
        self.routes, self.asked = routes or {}, []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                service.asked.append(self)
                route = service.routes.get(f"{self.command} {self.path.split('?')[0]}", Answer(404, {"error": "no such path"}))
                reply = route(self) if callable(route) else route
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.type)
                self.send_header("Content-Length", str(len(reply.body)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
