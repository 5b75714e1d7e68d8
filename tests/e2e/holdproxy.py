"""A TCP proxy that keeps back what a client says, from the moment on at which it says certain words."""
import socket
import threading


class HoldingProxy:
    """127.0.0.1:port is the server at `upstream`, until a client says `words` for the `nth` time: then nothing of that client's goes on
    before release().  `holding` is set when that has happened."""

    def __init__(self, upstream, words, nth=1):
        self.upstream, self.words, self.left = upstream, words, nth
        self.holding, self.released, self.lock = threading.Event(), threading.Event(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def release(self):
        self.released.set()

    def close(self):
        self.release()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.upstream), timeout=5)
            except OSError:
                return
            server.settimeout(None)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._carry, args=(client, server, self._asked), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, lambda said: None), daemon=True).start()

    def _asked(self, said):
        with self.lock:
            self.left -= self.words in said
            hold = self.words in said and self.left == 0
        if hold:
            self.holding.set()
            self.released.wait(120)

    @staticmethod
    def _carry(source, sink, before):
        """To the end of what one side says, which the other is told."""
        try:
            while said := source.recv(65536):
                before(said)
                sink.sendall(said)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for one in (source, sink):
                one.close()
