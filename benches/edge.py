"""The TLS edge beside nginx and Caddy: the same bytes, certificate and load, by turns, from another namespace.

Every server writes its access log. Requests a second say how fast it is with the load on the same cores; processor seconds of
the server alone say what it costs.
"""

import asyncio
import gzip
import os
import pathlib
import re
import shutil
import signal
import ssl
import statistics
import subprocess
import time

OURS, NGINX, CADDY = "ours", "nginx", "caddy"
# Stands where each server writes an id of its own.
REQUEST_ID = "REQUEST-ID"
HOST = "192.0.2.1"
PORTS = {OURS: 443, NGINX: 8443, CADDY: 9443}
ROUNDS = 3
SECONDS = 4
IDLE = 10_000


def measure(bench):
    """All parts of it, with what `measure.py` is made of."""
    with bench.data_dir() as data:
        home = data.parent
        certificate(home)
        server = bench.Server(
            data, "tunnel.backend=off", "log.level=info", "log.access=combined", f"tls.certificates={home}/cert",
            # As far as they go: counted all the same, and met by nobody here.
            "limits.connections=20000", "limits.connections_per_address=20000",
            "limits.requests_anonymous_per_minute=10000000",
        ).set_up()
        peers = {OURS: lambda: [server.pid]}
        try:
            small, large = publish(bench, home)
            fields = fields_of(bench, small[0])
            said = "".join(f'add_header {name} "{value}"; ' for name, value in fields.items())
            peers[NGINX] = nginx(bench, home, "files", f"""
  types {{ text/javascript js; text/css css; application/json json; }}
  access_log {home}/nginx-access.log; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  {said.replace(REQUEST_ID, "$request_id")}
  server {{
    listen {PORTS[NGINX]} ssl http2 backlog=1024; root {home}/www;
    ssl_certificate {home}/cert/fullchain.pem; ssl_certificate_key {home}/cert/privkey.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
  }}""")
            if (program := find_caddy()) is not None:
                said = "".join(f'\n  header {name} "{value}"' for name, value in fields.items())
                said = said.replace(REQUEST_ID, "{http.request.uuid}")
                peers[CADDY] = caddy(bench, home, program, f"root * {home}/www\n  file_server{said}")
            else:
                bench.beside("caddy is not installed, and is left out", "make setup")
            requests(bench, peers, small)
            per_gigabyte(bench, peers, large)
            handshakes(bench, peers)
            idle(bench, server, small)
        finally:
            for pids in list(peers.values())[1:]:
                os.kill(pids()[0], signal.SIGTERM)
            server.stop()


def outside(bench, *words):
    """A client is not on the server's host: whom the limits let pass would measure nothing of them."""
    return bench.inside(*words, namespace=bench.CLIENT)


def certificate(home):
    (home / "cert").mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:192.0.2.1", "-keyout", home / "cert/privkey.pem",
         "-out", home / "cert/fullchain.pem"], check=True, capture_output=True)


def publish(bench, home):
    """A panel file of about 1 KiB and the longest answer there is, written down for the others to serve."""
    dist = pathlib.Path(__file__).parent.parent / "web/dist/assets"
    # What gets smaller by gzip is there by it alone.
    sizes = {file.name: file.stat().st_size for file in dist.iterdir() if file.suffix in (".js", ".css")}
    sizes |= {file.stem: len(gzip.decompress(file.read_bytes())) for file in dist.glob("*.gz")}
    chosen = min(sizes, key=lambda name: abs(sizes[name] - 1024))
    paths = [f"/assets/{chosen}", "/api/v1/openapi.json"]
    for path in paths:
        file = home / "www" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        ask(bench, path, "-o", str(file))
    sizes = [(home / "www" / path.lstrip("/")).stat().st_size for path in paths]
    bench.beside("bytes of the small and of the large file", f"{sizes[0]:,}; {sizes[1]:,}")
    return zip(paths, sizes)


def ask(bench, path, *words):
    """What our server says to curl."""
    return bench.run(*outside(bench, "curl", "--silent", "--fail", "--insecure", *words, f"https://{HOST}:{PORTS[OURS]}{path}"))


def fields_of(bench, path):
    """What our answer says in its head beyond what every server says by itself, so that all send the same bytes."""
    head = ask(bench, path, "--http1.1", "--dump-header", "-", "-o", "/dev/null")
    fields = dict(re.findall(r"^([\w-]+): (.*?)\r?$", head, re.MULTILINE))
    own = ("accept-ranges", "content-length", "content-type", "date", "etag")
    return {name: value for name, value in fields.items() if name not in own} | {"x-request-id": REQUEST_ID}


def nginx(bench, home, name, site):
    pid_file = home / f"nginx-{name}.pid"
    config = home / f"nginx-{name}.conf"
    config.write_text(f"""
worker_processes {os.cpu_count()}; pid {pid_file}; error_log {home}/nginx-{name}.log; worker_rlimit_nofile 65536;
events {{ worker_connections 20000; }}
http {{ {site}
}}
""")
    home.chmod(0o755)
    subprocess.run(bench.inside("nginx", "-c", str(config)), check=True, capture_output=True)
    main = int(pid_file.read_text())
    return lambda: [main, *children(main)]


def find_caddy():
    cache = pathlib.Path(os.environ.get("CASPERVPN_CACHE", pathlib.Path.home() / ".cache/caspervpn"))
    return shutil.which("caddy", path=f"{cache}/tools/bin:{os.environ['PATH']}")


def caddy(bench, home, program, site):
    config = home / "Caddyfile"
    config.write_text(f"""
{{
  admin off
  auto_https off
  default_sni localhost
  servers {{
    protocols h1 h2
  }}
}}
https://:{PORTS[CADDY]} {{
  tls {home}/cert/fullchain.pem {home}/cert/privkey.pem
  log {{
    output file {home}/caddy-access.log
  }}
  {site}
}}
""")
    process = subprocess.Popen(
        bench.inside(program, "run", "--config", str(config)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env={**os.environ, "HOME": str(home)})
    wait_for(bench, PORTS[CADDY])
    # `ip netns exec` becomes the program.
    return lambda: [process.pid]


def wait_for(bench, port):
    for _ in range(200):
        probe = outside(bench, "curl", "--silent", "--insecure", "-o", "/dev/null", f"https://{HOST}:{port}/")
        if subprocess.run(probe, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise SystemExit(f"nobody answers on port {port}")


def children(pid):
    listed = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in listed.split()]


def cpu_s(pids):
    """Processor time of these processes until now, in seconds."""
    spent = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        spent += int(fields[11]) + int(fields[12])
    return spent / os.sysconf("SC_CLK_TCK")


def by_turns(peers, once):
    """Medians of what `once(name)` gives, and of the server's processor time for one unit of it."""
    rates, costs = {name: [] for name in peers}, {name: [] for name in peers}
    for _ in range(ROUNDS):
        for name, pids in peers.items():
            before = cpu_s(pids())
            amount, seconds = once(name)
            costs[name].append((cpu_s(pids()) - before) / amount)
            rates[name].append(amount / seconds)
    median = statistics.median
    return {name: (median(rates[name]), median(costs[name])) for name in peers}


def tell(bench, what, found, unit, cost_unit, scale):
    for name, (rate, cost) in found.items():
        bench.beside(f"  {what}, {name}", f"{rate:,.0f} {unit}; {cost * scale:.1f} {cost_unit}")


def h2load(bench, name, path, *words):
    url = f"https://{HOST}:{PORTS[name]}{path}"
    output = bench.run(*outside(bench, "h2load", "-t1", f"-D{SECONDS}", *words, url))
    done = re.search(r"(\d+) succeeded, (\d+) failed", output)
    amount, failed = int(done[1]), int(done[2])
    if failed or not amount:
        raise SystemExit(f"{name}: {output}")
    return amount, SECONDS


def requests(bench, peers, small):
    path, _ = small
    compare(bench, peers, path, "1 KiB over HTTP/1.1", ("--h1", "-c64"), 1.2, 3)
    compare(bench, peers, path, "1 KiB over HTTP/2", ("-c16", "-m16"), 0.95, None)


def compare(bench, peers, path, title, words, of_nginx, of_caddy):
    """Requests a second, with their bounds."""
    found = by_turns(peers, lambda name: h2load(bench, name, path, *words))
    share = found[OURS][0] / found[NGINX][0]
    bench.figure(f"{title}, of nginx's rate", f"{share:.2f} x", f"{of_nginx} x", share >= of_nginx)
    if of_caddy and CADDY in found:
        share = found[OURS][0] / found[CADDY][0]
        bench.figure(f"{title}, of Caddy's rate", f"{share:.2f} x", f"{of_caddy} x", share >= of_caddy)
    tell(bench, title, found, "/s", "us of processor each", 1e6)


def per_gigabyte(bench, peers, large):
    path, size = large

    def once(name):
        amount, seconds = h2load(bench, name, path, "--h1", "-c8")
        return amount * size / 1e9, seconds

    found = by_turns(peers, once)
    share = found[OURS][1] / found[NGINX][1]
    bench.figure("the large file: processor time for a GB, of nginx's", f"{share:.2f} x", "0.75 x", share <= 0.75)
    tell(bench, "GB", found, "GB/s", "s of processor each", 1)


def handshakes(bench, peers):
    def once(name):
        port = PORTS[name]
        words = ["openssl", "s_time", "-connect", f"{HOST}:{port}", "-new", "-time", str(SECONDS), "-tls1_3"]
        output = subprocess.run(outside(bench, *words), capture_output=True, text=True, check=False).stdout
        return int(re.search(r"(\d+) connections in \d+ real", output)[1]), SECONDS

    found = by_turns(peers, once)
    share = found[OURS][1] / found[NGINX][1]
    bench.figure("full handshakes, P-256: processor time each, of nginx's", f"{share:.2f} x", "0.7 x", share <= 0.7)
    tell(bench, "handshakes", found, "/s", "us of processor each", 1e6)


def idle(bench, server, small):
    path, _ = small
    port = PORTS[OURS]

    def slowest():
        words = ("wrk", "-t1", "-c16", f"-d{SECONDS}", "--latency", f"https://{HOST}:{port}{path}")
        output = bench.run(*outside(bench, *words))
        value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", output).groups()
        return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]

    alone, among, each = [], [], []
    for _ in range(ROUNDS):
        alone.append(slowest())
        before = server.pss_mib()
        script = [shutil.which("python3"), __file__, str(port), str(IDLE)]
        holder = subprocess.Popen(outside(bench, *script), stdout=subprocess.PIPE, text=True)
        opened = int(holder.stdout.readline())
        time.sleep(1)
        each.append((server.pss_mib() - before) * 1024 / opened)
        among.append(slowest())
        holder.kill()
        holder.wait()
        while server.metric("caspervpn_connections_open") > 100:
            time.sleep(0.1)
    # Later rounds find memory that the first has left.
    bench.figure(f"{IDLE:,} idle TLS connections: memory each", f"{each[0]:.1f} KiB", "40 KiB", each[0] <= 40 and opened == IDLE)
    alone, among = statistics.median(alone), statistics.median(among)
    bench.figure("p99 of others among them, of alone, by turns", f"{among / alone:.2f} x", "1.1 x", among <= 1.1 * alone)
    bench.beside("  medians alone; among them", f"{alone:.2f} ms; {among:.2f} ms")


async def hold(port, count):
    """Opens so many connections, asks once on each, and keeps them."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    turns = asyncio.Semaphore(64)
    held = []

    async def one():
        async with turns:
            reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
            writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            held.append((reader, writer))

    await asyncio.gather(*(one() for _ in range(count)))
    print(len(held), flush=True)
    await asyncio.sleep(3600)


if __name__ == "__main__":
    import resource
    import sys

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(hold(int(sys.argv[1]), int(sys.argv[2])))
