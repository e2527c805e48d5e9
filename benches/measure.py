"""Measures the release binary, each figure beside its bound and its peer.

Called by benches/run.sh. Everything happens in network namespaces and temporary directories of its own.
"""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import edge
import lists
import panel
import proxy

HERE = pathlib.Path(__file__).parent
BINARY, BARE = sys.argv[1], sys.argv[2]
PASSWORD = "correct horse battery staple"
NODE, CLIENT = f"cvpn-bench-n-{os.getpid()}", f"cvpn-bench-c-{os.getpid()}"
TUN = f"b{os.getpid()}"
CLIENTS = 32
DELAY_US = 5000
DEVICES = int(os.environ.get("CASPERVPN_BENCH_DEVICES", "10000"))


def run(*words, **options):
    return subprocess.run(words, check=True, capture_output=True, text=True, **options).stdout


def inside(*words, namespace=NODE):
    return ["ip", "netns", "exec", namespace, *words]


def say(text=""):
    print(text, flush=True)


MISSED = []


def figure(what, value, bound, good):
    verdict = "ok  " if good else "MISS"
    if not good:
        MISSED.append(what)
    say(f"{verdict} {what:<58} {value:>26}   bound {bound}")


def beside(what, value):
    say(f"     {what:<58} {value:>26}")


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Server:
    """The built binary in the node's namespace, asked over its local socket as the host."""

    started = []

    def __init__(self, data, *settings, wrapper=()):
        self.data = pathlib.Path(data)
        self.log = open(self.data.parent / "server.log", "ab")
        words = [BINARY, "serve", "--data-dir", str(data), "--set", "log.level=warn"]
        for setting in settings:
            words += ["--set", setting]
        if wrapper:
            words = [*wrapper, *words]
        self.began = time.perf_counter()
        # As daemons are, nginx too: the kernel shares the processors out by sessions (autogroup), and in one with the load
        # a server gets less, while a core is idle.
        self.process = subprocess.Popen(inside(*words), stdout=self.log, stderr=self.log, start_new_session=True)
        self.started.append(self)
        self.ready_s = self._wait()

    def _wait(self):
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.try_call("GET", "/readyz")[0] == 200:
                    return time.perf_counter() - self.began
            if self.process.poll() is not None:
                raise SystemExit((self.data.parent / "server.log").read_text())
            time.sleep(0.0005)

    @property
    def pid(self):
        """The server itself, not what it was started through."""
        if pathlib.Path(f"/proc/{self.process.pid}/comm").read_text().strip() == "caspervpn":
            return self.process.pid
        return int(run("pgrep", "-P", str(self.process.pid), "caspervpn").split()[0])

    def try_call(self, method, path, body=None, headers=None):
        connection = Unix(self.data / "caspervpn.sock")
        try:
            headers = dict(headers or {})
            if body is not None:
                body = json.dumps(body)
                headers["Content-Type"] = "application/json"
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def call(self, method, path, body=None, headers=None):
        status, answer = self.try_call(method, path, body, headers)
        if status >= 300:
            raise SystemExit(f"{method} {path}: {status} {answer.decode()}")
        return json.loads(answer) if answer else None

    def set_up(self):
        self.call("POST", "/api/v1/setup", {
            "owner": {"login": "ada", "password": PASSWORD},
            "endpoint": {"host": "192.0.2.1"},
            "network": {"name": "home", "ipv4": "10.64.0.0/12", "ipv6": "fd86:7::/64", "dns": ["9.9.9.9"]},
        })
        return self

    def token(self):
        signed_in = self.call("POST", "/api/v1/sessions", {"login": "ada", "password": PASSWORD})
        return signed_in["access_token"]

    def owner(self):
        return self.call("GET", "/api/v1/users")["items"][0]["id"]

    def create(self, name, **more):
        key = base64.b64encode(os.urandom(32)).decode()
        body = {"name": name, "public_key": key, "user_id": more.get("user_id") or self.owner()} | more
        return self.call("POST", "/api/v1/devices", body)

    def pss_mib(self):
        rollup = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+)", rollup, re.M)[1]) / 1024

    def cpu_s(self):
        """Processor time spent so far: unlike the clock, it does not depend on what else the machine does."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metric(self, name):
        text = self.try_call("GET", "/metrics")[1].decode()
        return sum(float(line.split()[-1]) for line in text.splitlines() if re.match(rf"{name}(\{{| )", line))

    def stop(self):
        """As systemd does. The signal goes to the server itself: strace would not pass it on."""
        os.kill(self.pid, 15)
        self.process.wait(60)
        self.log.close()


@contextlib.contextmanager
def data_dir():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="caspervpn-bench-"))
    try:
        yield directory / "data"
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def wrk(url, seconds, *arguments, script=None, connections=CLIENTS, token=None):
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    if script:
        words += ["-s", str(HERE / script)]
    if token:
        words += ["-H", f"Authorization: Bearer {token}"]
    output = run(*inside(*words, url, *(["--", *map(str, arguments)] if arguments else [])))
    if "Non-2xx" in output:
        say(f"     note: {re.search(r'Non-2xx.*', output)[0]}")
    requests, took = re.search(r"(\d+) requests in ([\d.]+)s", output).groups()
    return int(requests), int(requests) / float(took)


def measure_size():
    size = os.path.getsize(BINARY)
    figure("binary, static", f"{size / 1e6:.1f} MB", "40 MB", size <= 40e6)


def measure_start():
    with data_dir() as data:
        Server(data).set_up().stop()
        times = []
        for _ in range(15):
            server = Server(data)
            times.append(server.ready_s * 1000)
            server.stop()
    middle = statistics.median(times)
    figure("exec to /readyz 200, initialised data, median of 15", f"{middle:.0f} ms", "150 ms", middle <= 150)
    beside("least and most (with `ip netns exec` before it)", f"{min(times):.0f} .. {max(times):.0f} ms")
    beside("postgres, redis, nginx, prometheus and its two companions, measured apart", "890 ms")


def measure_memory():
    with data_dir() as data:
        server = Server(data).set_up()
        server.stop()
        server = Server(data)
        time.sleep(10)
        # Another process of the same file would share its pages and halve what this one seems to take.
        others = [pid for pid in run("pgrep", "-x", "caspervpn").split() if int(pid) != server.pid]
        if others:
            raise SystemExit(f"other caspervpn processes run: {others}; end them first")
        fresh = server.pss_mib()
        figure("PSS fresh, all roles, tunnel up", f"{fresh:.1f} MiB", "25 MiB", fresh <= 25)
        token, owner = server.token(), server.owner()
        ids = data.parent / "ids"
        made = [server.create(f"seed{number}")["id"] for number in range(200)]
        ids.write_text("\n".join(made) + "\n")
        traffic = threading.Thread(target=carry, args=(server, data.parent, 120), daemon=True)
        traffic.start()
        total, most = 0, 0.0
        for part in range(8):
            requests, _ = wrk("http://127.0.0.1:8080", 15, token, owner, part, ids, script="mixed.lua", connections=16)
            total += requests
            most = max(most, server.pss_mib())
        traffic.join(30)
        carried = server.metric("caspervpn_tunnel_received_bytes_total") + server.metric("caspervpn_tunnel_sent_bytes_total")
        time.sleep(5)
        after = server.pss_mib()
        figure("PSS after mixed traffic", f"{after:.1f} MiB", "64 MiB", after <= 64)
        beside("the most seen during it", f"{most:.1f} MiB")
        beside("requests, 1 of 20 a change, 1 of 1,000 a creation; through the tunnel", f"{total}; {carried / 1e9:.1f} GB")
        beside("two minutes at full load stand in for an hour", f"{total / 3600:.0f} requests/s")
        beside("postgres, redis, nginx, prometheus and its two companions, idle, measured apart", "126 MiB")
        server.stop()


def carry(server, directory, seconds):
    """Traffic of one stock client through the tunnel, to the node's own address."""
    with stock_client(server, directory):
        sink = subprocess.Popen(inside("iperf3", "-s", "-1", "-B", "10.64.0.1"), stdout=subprocess.DEVNULL)
        time.sleep(1)
        words = ["iperf3", "-c", "10.64.0.1", "-t", str(seconds - 10), "-b", "200M", "--bidir"]
        done = subprocess.run(inside(*words, namespace=CLIENT), capture_output=True, text=True)
        if done.returncode != 0:
            say(f"     note: iperf3: {done.stdout[-200:]}{done.stderr[-200:]}")
        sink.kill()


@contextlib.contextmanager
def stock_client(server, directory):
    private = run("wg", "genkey").strip()
    public = run("wg", "pubkey", input=private).strip()
    device = server.call("POST", "/api/v1/devices", {
        "name": TUN, "user_id": server.owner(), "public_key": public})
    conf = server.call("POST", f"/api/v1/devices/{device['id']}/reveal")["conf"]
    conf = conf.replace("PrivateKey = ", f"PrivateKey = {private}")
    stripped = "\n".join(line for line in conf.splitlines() if not re.match("Address|DNS|MTU", line))
    file = directory / "client.conf"
    file.write_text(stripped)
    with wireguard_go(TUN, file):
        run("ip", "-n", CLIENT, "address", "add", f"{device['ipv4']}/32", "dev", TUN)
        run("ip", "-n", CLIENT, "link", "set", TUN, "mtu", "1420", "up")
        run("ip", "-n", CLIENT, "route", "add", "10.64.0.0/12", "dev", TUN)
        yield device


@contextlib.contextmanager
def wireguard_go(interface, file):
    """A stock client with what `file` says. It may lose a race for its own socket at its start, so it gets five."""
    environment = os.environ | {"WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD": "1"}
    for _ in range(5):
        go = subprocess.Popen(inside("wireguard-go", "-f", interface, namespace=CLIENT), env=environment,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            setconf = inside("wg", "setconf", interface, str(file), namespace=CLIENT)
            for _ in range(200):
                if subprocess.run(setconf, capture_output=True).returncode == 0:
                    yield
                    return
                if go.poll() is not None:
                    break
                time.sleep(0.05)
        finally:
            go.kill()
            go.wait()
            pathlib.Path(f"/run/wireguard/{interface}.sock").unlink(missing_ok=True)
    raise SystemExit(f"wireguard-go does not start for {interface}")


def measure_get():
    with data_dir() as data:
        server = Server(data, "tunnel.backend=off").set_up()
        token, owner = server.token(), server.owner()
        wrk("http://127.0.0.1:8080", 5, token, owner, 1, script="create.lua")
        ids = []
        after = ""
        while len(ids) < 20_000:
            page = server.call("GET", f"/api/v1/devices?limit=200{after}")
            ids += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        path = f"/api/v1/devices/{ids[0]}"
        body = data.parent / "body"
        body.write_bytes(server.try_call("GET", path)[1])
        bare = subprocess.Popen(inside(BARE, "127.0.0.1:9090", str(body)), start_new_session=True)
        time.sleep(0.5)
        ours, theirs = [], []
        for _ in range(3):
            ours.append(wrk(f"http://127.0.0.1:8080{path}", 6, token=token)[1])
            theirs.append(wrk(f"http://127.0.0.1:9090{path}", 6, token=token)[1])
        ours, theirs = statistics.median(ours), statistics.median(theirs)
        figure("GET device, warm, of a bare axum handler's rate", f"{ours / theirs:.0%}", "60 %", ours >= 0.6 * theirs)
        beside("ours; bare axum, same bytes (median of 3 each, by turns)", f"{ours:,.0f}/s; {theirs:,.0f}/s")
        bare.kill()
        bare.wait()
        server.stop()
        server = Server(data, "tunnel.backend=off")
        file = data.parent / "ids"
        file.write_text("\n".join(ids) + "\n")
        requests, cold = wrk("http://127.0.0.1:8080", 1, server.token(), file, script="distinct.lua")
        note = "" if requests <= len(ids) else f" ({len(ids)} of {requests} cold)"
        beside(f"the same cold, each device once after a restart{note}", f"{cold:,.0f}/s, {cold / theirs:.0%}")
        server.stop()


def plain_loop(database, seconds):
    """A device's rows, one transaction each, one after the other: what a plain program does."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    tables = {name: rows(connection, name) for name in ("devices", "audit_events")}
    made, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        made += 1
        connection.execute("BEGIN IMMEDIATE")
        for table, (columns, row) in tables.items():
            fresh = dict(zip(columns, row)) | fresh_values(table, columns, made)
            marks = ",".join("?" * len(fresh))
            connection.execute(f"INSERT INTO {table} ({','.join(fresh)}) VALUES ({marks})", list(fresh.values()))
        connection.execute("COMMIT")
    return made


def rows(connection, table):
    found = connection.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 1")
    return [column[0] for column in found.description], found.fetchone()


def fresh_values(table, columns, number):
    values = {"id": str(uuid.uuid4())}
    if table == "devices":
        key = base64.b64encode(os.urandom(32)).decode()
        values |= {"name": f"plain{number}", "search": f"plain{number}", "public_key": key}
        values |= dict.fromkeys(("ipv4", "ipv4_index", "ipv6", "ipv6_index"))
    return {name: value for name, value in values.items() if name in columns}


def syncs(trace):
    return sum(1 for line in open(trace) if re.search(r"(fsync|fdatasync)\(", line) and "resumed" not in line)


def strace(trace, delayed):
    words = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", str(trace), "-e", "trace=fsync,fdatasync"]
    return [*words, "-e", f"inject=fsync,fdatasync:delay_enter={DELAY_US}"] if delayed else words


def measure_create():
    for delayed in (True, False):
        with data_dir() as data:
            trace = data.parent / "trace"
            server = Server(data, "tunnel.backend=off", wrapper=strace(trace, delayed)).set_up()
            token, owner = server.token(), server.owner()
            server.create("first")
            wrk("http://127.0.0.1:8080", 2, token, owner, 1, script="create.lua")
            before = syncs(trace)
            requests, rate = wrk("http://127.0.0.1:8080", 10, token, owner, 2, script="create.lua")
            time.sleep(0.3)
            each = (syncs(trace) - before) / requests
            _, alone = wrk("http://127.0.0.1:8080", 5, token, owner, 3, script="create.lua", connections=1)
            server.stop()
            injected = sum("(DELAYED)" in line or "INJECTED" in line for line in open(trace))
            loop_trace = data.parent / "loop-trace"
            script = [sys.executable, __file__, BINARY, BARE, "plain-loop", str(data / "caspervpn.db"), "5"]
            plain = int(run(*strace(loop_trace, delayed), *script)) / 5
        title = "5 ms in every sync" if delayed else "no delay"
        if delayed:
            figure(f"32 clients create devices, {title}: syncs a create", f"{each:.3f}", "0.25", each <= 0.25)
            figure("  of a plain loop's rate", f"{rate / plain:.1f} x", "10 x", rate >= 10 * plain)
            beside("  syncs delayed by strace", str(injected))
        else:
            beside(f"32 clients create devices, {title}: syncs a create", f"{each:.3f}")
            beside("  of a plain loop's rate", f"{rate / plain:.1f} x")
        beside("  ours; plain loop of transactions, Python's sqlite3", f"{rate:,.0f}/s; {plain:,.0f}/s")
        beside("  ours with one client at a time", f"{alone:,.0f}/s")


def measure_tunnel():
    with data_dir() as data:
        server = Server(data, "tunnel.backend=off").set_up()
        token, owner = server.token(), server.owner()
        made = tag = 0
        while made < DEVICES:
            tag += 1
            made += wrk("http://127.0.0.1:8080", 4, token, owner, tag, DEVICES - made, script="create.lua")[0]
        server.stop()
        began = time.perf_counter()
        server = Server(data, "tunnel.backend=userspace")
        while not peers_in_rules() >= DEVICES * 2:
            time.sleep(0.02)
        all_s = time.perf_counter() - began
        while server.metric("caspervpn_tunnel_peers") < DEVICES:
            time.sleep(0.1)
        count = server.metric("caspervpn_tunnel_peers")
        passes = server.metric("caspervpn_node_pass_duration_seconds_count")
        spent = server.metric("caspervpn_node_pass_duration_seconds_sum")
        figure(f"{count:,.0f} devices into an empty userspace tunnel", f"{spent:.2f} s", "2 s", spent <= 2)
        beside(f"the agent's passes ({passes:.0f}); exec to last firewall entry", f"{all_s:.2f} s")
        beside("processor time since exec, whole process", f"{server.cpu_s():.2f} s")
        delays, cpu_ms = changes_reach_firewall(server)
        worst = max(delays)
        figure(f"a change among them, after its 201: firewall, worst of {len(delays)}", f"{worst:.0f} ms", "100 ms", worst <= 100)
        beside("median (by nft monitor); processor time of a change, all in all", f"{statistics.median(delays):.0f} ms; {cpu_ms:.0f} ms")
        through = [device_is_served(server, data.parent, number) for number in range(5)]
        figure("  tunnel: new devices served 100 ms after their 201", f"{sum(through)} of {len(through)}", "all", all(through))
        server.stop()


def peers_in_rules():
    listed = subprocess.run(inside("nft", "list", "ruleset"), capture_output=True, text=True).stdout
    return len(re.findall(r"10\.(?:6[4-9]|7\d)\.\d+\.\d+|fd86:7:", listed))


def changes_reach_firewall(server):
    monitor = subprocess.Popen(inside("stdbuf", "-oL", "nft", "monitor", "new", "elements"),
                               stdout=subprocess.PIPE, text=True)
    seen = {}

    def watch():
        for line in monitor.stdout:
            now = time.perf_counter()
            for address in re.findall(r"10\.\d+\.\d+\.\d+", line):
                seen.setdefault(address, now)

    threading.Thread(target=watch, daemon=True).start()
    time.sleep(1)
    delays, owner = [], server.owner()
    spent = server.cpu_s()
    for number in range(20):
        device = server.create(f"single{number}", user_id=owner)
        answered = time.perf_counter()
        limit = answered + 10
        while device["ipv4"] not in seen and time.perf_counter() < limit:
            time.sleep(0.0005)
        delays.append((seen.get(device["ipv4"], limit) - answered) * 1000)
        time.sleep(0.2)
    monitor.kill()
    return delays, (server.cpu_s() - spent) * 1000 / len(delays)


def device_is_served(server, directory, number):
    """Whether a stock client's first packet, sent 100 ms after the 201 of its device, is answered. A handshake that
    comes too early would be tried again only after five seconds."""
    name = f"{TUN}s{number}"
    private = run("wg", "genkey").strip()
    network = server.call("GET", "/api/v1/nodes")["items"][0]["id"]
    place = server.call("GET", f"/api/v1/nodes/{network}/networks")["items"][0]
    file = directory / "single.conf"
    file.write_text(f"[Interface]\nPrivateKey = {private}\n[Peer]\nPublicKey = {place['public_key']}\n"
                    "AllowedIPs = 10.64.0.0/12\nEndpoint = 192.0.2.1:51820\n")
    with wireguard_go(name, file):
        run("ip", "-n", CLIENT, "link", "set", name, "mtu", "1420", "up")
        run("ip", "-n", CLIENT, "route", "add", "10.64.0.0/12", "dev", name)
        public = run("wg", "pubkey", input=private).strip()
        device = server.create(f"served{number}", public_key=public, preshared_key=False)
        answered = time.perf_counter()
        run("ip", "-n", CLIENT, "address", "add", f"{device['ipv4']}/32", "dev", name)
        time.sleep(max(0, answered + 0.095 - time.perf_counter()))
        ping = inside("ping", "-c", "1", "-W", "2", "10.64.0.1", namespace=CLIENT)
        return subprocess.run(ping, capture_output=True).returncode == 0


def measure_login():
    """Whether the time of a refusal tells which logins exist. The limits are off, so both kinds meet equal ones."""
    tries = int(os.environ.get("CASPERVPN_BENCH_LOGINS", "200"))
    with data_dir() as data:
        limits = ("limits.login_per_address_per_minute=0", "limits.login_per_account_per_minute=0")
        server = Server(data, "tunnel.backend=off", *limits).set_up()
        server.call("POST", "/api/v1/users", {"login": "imported", "role": "member", "password_hash": ARGON2})
        logins = {"ada": [], "nobody": [], "imported": []}
        for number in range(tries + 5):
            # Turning the order keeps whatever drifts from falling on one of them.
            turned = list(logins)[number % 3:] + list(logins)[:number % 3]
            for login in turned:
                began = time.perf_counter()
                status, _ = server.try_call("POST", "/api/v1/sessions", {"login": login, "password": "a wrong guess"})
                if status != 401:
                    raise SystemExit(f"a wrong sign-in was answered {status}")
                if number >= 5:
                    logins[login].append((time.perf_counter() - began) * 1000)
        server.stop()
    wrong, unknown, imported = (statistics.median(times) for times in logins.values())
    apart = abs(wrong - unknown) / unknown
    figure(f"unknown login against wrong password, {tries} tries each", f"{apart:.1%} apart", "5 %", apart <= 0.05)
    beside("medians: unknown login; wrong password", f"{unknown:.1f} ms; {wrong:.1f} ms")
    beside("wrong password of an account with an imported argon2 hash", f"{imported:.1f} ms")


# "secret", by PHP's password_hash() with its own defaults.
ARGON2 = "$argon2id$v=19$m=65536,t=4,p=1$cGlaOG4xcDU1QkZiVGtuMg$YoYCC5jQDyFuTYDFIg9CTTGXcC9RsMhRv42djOZWYA0"


EVENTS = 100_000


def measure_audit():
    """A chain of events that the server itself sealed, then one byte of one of them changed by another program."""
    with data_dir() as data:
        Server(data, "tunnel.backend=off").set_up().stop()
        database = sqlite3.connect(data / "caspervpn.db")
        columns, row = rows(database, "audit_events")
        events = (dict(zip(columns, row)) | {
            "id": str(uuid.UUID(int=(n + 1) << 8)), "segment": None, "action": "device_update", "source": f"192.0.2.{n % 256}",
            "source_salt": os.urandom(16), "after_state": json.dumps({"name": f"device {n}", "note": "", "disabled": False})}
            for n in range(EVENTS))
        marks = ",".join(f":{name}" for name in columns)
        database.executemany(f"INSERT INTO audit_events ({','.join(columns)}) VALUES ({marks})", events)
        database.commit()
        database.close()
        server = Server(data, "tunnel.backend=off")
        spent, began = server.cpu_s(), time.perf_counter()
        while json.loads(verify(data).stdout)["unsealed_events"] > 0:
            time.sleep(0.5)
        sealed_s, spent = time.perf_counter() - began, server.cpu_s() - spent
        server.stop()
        times = []
        for _ in range(5):
            began = time.perf_counter()
            done = verify(data)
            times.append(time.perf_counter() - began)
        found = json.loads(done.stdout)
        good = done.returncode == 0 and found["intact"] and found["events"] >= EVENTS
        middle = statistics.median(times)
        figure(f"audit verify of {found['events']:,} events, server stopped, median of 5", f"{middle:.2f} s", "2 s", good and middle <= 2)
        victim = str(uuid.UUID(int=(EVENTS * 2 // 3) << 8))
        database = sqlite3.connect(data / "caspervpn.db")
        changed = "UPDATE audit_events SET after_state = replace(after_state, '\"note\": \"\"', '\"note\": \" \"') WHERE id = ?"
        touched = database.execute(changed, (victim,)).rowcount
        database.commit()
        database.close()
        done = verify(data)
        fault = json.loads(done.stdout)["fault"] or {}
        named = touched == 1 and done.returncode == 1 and fault.get("event_id") == victim
        figure("  one byte changed in one of them", fault.get("kind", "not found"), "named", named)
        beside("  sealing all of them at one go; processor time of it and of the asking", f"{sealed_s:.1f} s; {spent:.1f} s")


def verify(data):
    words = [BINARY, "audit", "verify", "--json", "--data-dir", str(data)]
    return subprocess.run(inside(*words), capture_output=True, text=True)


PARTS = {
    "size": measure_size,
    "start": measure_start,
    "get": measure_get,
    "create": measure_create,
    "audit": measure_audit,
    "tunnel": measure_tunnel,
    "login": measure_login,
    "edge": lambda: edge.measure(sys.modules[__name__]),
    "proxy": lambda: proxy.measure(sys.modules[__name__]),
    "lists": lambda: lists.measure(sys.modules[__name__]),
    "panel": lambda: panel.measure(sys.modules[__name__]),
    "memory": measure_memory,
}


def main(wanted):
    if wanted[:1] == ["plain-loop"]:
        print(plain_loop(wanted[1], float(wanted[2])))
        return
    for namespace in (NODE, CLIENT):
        run("ip", "netns", "add", namespace)
        run("ip", "-n", namespace, "link", "set", "lo", "up")
    run("ip", "-n", NODE, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", CLIENT)
    for namespace, address in ((NODE, "192.0.2.1/24"), (CLIENT, "192.0.2.2/24")):
        run("ip", "-n", namespace, "address", "add", address, "dev", "wire")
        run("ip", "-n", namespace, "link", "set", "wire", "up")
    say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}, {run('uname', '-r').strip()}")
    try:
        for part in wanted or PARTS:
            say(f"\n{part}")
            PARTS[part]()
    finally:
        # After an error a server may still run.
        for server in Server.started:
            if server.process.poll() is None:
                os.kill(server.pid, 9)
        for namespace in (NODE, CLIENT):
            subprocess.run(["ip", "netns", "del", namespace])
    if MISSED:
        raise SystemExit(f"\n{len(MISSED)} missed: {'; '.join(MISSED)}")


if __name__ == "__main__":
    main(sys.argv[3:])
