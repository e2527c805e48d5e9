"""A web server that answers with the address it was asked from, or with as many bytes as the path says."""

import http.server
import socket


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        size = self.path.strip("/")
        body = bytes(int(size)) if size.isdigit() else self.client_address[0].encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


Server(("::", 80), Handler).serve_forever()
