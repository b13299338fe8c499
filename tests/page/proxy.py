"""A proxy that serves a collector below a path of its own, as nginx does with `location /beacon/`, and says 502 as nginx
does when it cannot."""

import contextlib
import http.client
import http.server
import threading
import urllib.parse

PREFIX = "/beacon/"


@contextlib.contextmanager
def proxy(page, refuses=lambda path: False):
    """Yields where it serves the page, but for the paths that it is told to refuse."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(urllib.parse.urlsplit(page).netloc, refuses))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    finally:
        server.shutdown()
        server.server_close()


def _handler(behind, refuses):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if not self.path.startswith(PREFIX):
                return self.send_error(404)
            path = self.path.removeprefix(PREFIX)
            if refuses(path):
                return self.send_error(502)
            connection = http.client.HTTPConnection(behind)
            connection.request("GET", "/" + path, headers={"Connection": "close"})
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name in ["Content-Type", "Content-Security-Policy"]:
                if value := answer.getheader(name):
                    self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                while part := answer.read1():
                    self.wfile.write(part)
                    self.wfile.flush()

        def log_message(self, *_):
            """A request is nothing to tell."""

    return Handler
