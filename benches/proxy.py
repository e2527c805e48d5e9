"""The reverse proxy beside nginx and Caddy: the same upstream behind each, the same certificate and load, by turns."""

import os
import signal

import edge

UPSTREAM = "127.0.0.1:7000"
# As long as a usual answer of the API.
BODY = '{"id":"0199a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b","name":"laptop","state":"active","ipv4":"10.64.0.2"}'


def measure(bench):
    """A small JSON answer over connections to the upstream that are kept."""
    with bench.data_dir() as data:
        home = data.parent
        home.chmod(0o755)
        edge.certificate(home)
        behind = edge.nginx(bench, home, "upstream", f"""
  keepalive_requests 1000000000;
  server {{
    listen {UPSTREAM}; access_log off;
    location / {{ default_type application/json; return 200 '{BODY}'; }}
  }}""")
        server = bench.Server(
            data, "server.roles=edge", f"proxy.upstreams=http://{UPSTREAM}", "tunnel.backend=off", "log.level=info",
            "log.access=combined", f"tls.certificates={home}/cert", "proxy.keep_idle=64", "limits.connections=20000",
            "limits.connections_per_address=20000")
        peers = {edge.OURS: lambda: [server.pid]}
        try:
            peers[edge.NGINX] = nginx(bench, home)
            if (program := edge.find_caddy()) is not None:
                peers[edge.CADDY] = edge.caddy(bench, home, program, f"reverse_proxy {UPSTREAM}")
            else:
                bench.beside("caddy is not installed, and is left out", "make setup")
            for title, words in (("a small answer passed on, HTTP/1.1", ("--h1", "-c64")),
                                 ("a small answer passed on, HTTP/2", ("-c8", "-m8"))):
                edge.compare(bench, peers, "/api/v1/x", title, words, 1, 2)
        finally:
            for pids in [behind, *list(peers.values())[1:]]:
                os.kill(pids()[0], signal.SIGTERM)
            server.stop()


def nginx(bench, home):
    """With the same bytes there and back as ours."""
    return edge.nginx(bench, home, "proxy", f"""
  access_log {home}/nginx-access.log; keepalive_requests 1000000000;
  upstream replicas {{ server {UPSTREAM}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen {edge.PORTS[edge.NGINX]} ssl http2 backlog=1024;
    ssl_certificate {home}/cert/fullchain.pem; ssl_certificate_key {home}/cert/privkey.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {{
      proxy_pass http://replicas; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $host;
      proxy_set_header Forwarded 'for=$remote_addr;host="$host";proto=$scheme';
      proxy_set_header X-Request-Id $request_id; add_header X-Request-Id $request_id;
    }}
  }}""")

