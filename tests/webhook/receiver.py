"""A receiver of webhooks for the tests: writes each request as JSON, and answers with the status in DIRECTORY/say, or 204.

While DIRECTORY/say is "hang" it does not answer.
"""

import http.server
import json
import pathlib
import sys
import threading
import time

directory = pathlib.Path(sys.argv[1])
port = int(sys.argv[2]) if len(sys.argv) > 2 else 0


class Receiver(http.server.BaseHTTPRequestHandler):
    count = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        Receiver.count += 1
        at = directory / f"{Receiver.count}.json"
        request = {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body.decode()}
        at.with_suffix(".part").write_text(json.dumps(request))
        at.with_suffix(".part").rename(at)
        say = directory / "say"
        while say.exists() and say.read_text() == "hang":
            time.sleep(0.02)
        status = int(say.read_text()) if say.exists() else 204
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Receiver)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
