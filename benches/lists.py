"""Lists as a panel asks for them, of 10,000 users with 50,000 devices that have all moved something.

The rows are copies of what the server itself made, so every column and every index is as it would be.
"""

import base64
import json
import os
import sqlite3
import statistics
import time
import uuid

USERS, DEVICES = 10_000, 50_000
BOUND_MS = 300
DAY = 86_400_000

ASKED = [
    ("devices, newest first", "/devices?limit=200"),
    ("devices by name", "/devices?limit=200&sort=name"),
    ("devices by expiry", "/devices?limit=200&sort=expires_at"),
    ("devices by use, largest first", "/devices?limit=200&sort=-used_bytes"),
    ("devices by last handshake, newest first", "/devices?limit=200&sort=-last_handshake_at"),
    ("devices that are online", "/devices?limit=200&online=true&sort=name"),
    ("devices in a rare state", "/devices?limit=200&state=limited"),
    ("devices in a common state", "/devices?limit=200&state=active&sort=name"),
    ("devices, search that finds few", "/devices?limit=200&q=device+49999"),
    ("devices, search that finds none", "/devices?limit=200&q=nothing+like+it"),
    ("devices of one user", "/devices?limit=200&user_id={user}"),
    ("users by login", "/users?limit=200"),
    ("users by use, largest first", "/users?limit=200&sort=-used_bytes"),
    ("users by expiry", "/users?limit=200&sort=expires_at"),
    ("users by state", "/users?limit=200&state=disabled"),
    ("users, search", "/users?limit=200&q=user+9999"),
    ("the overview", "/overview"),
    ("usage of a month", "/usage?from=2026-01-01&to=2026-01-31"),
]


def copies(database, table, row, changes):
    columns = list(row)
    marks = ",".join(f":{name}" for name in columns)
    database.executemany(
        f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})", (row | change for change in changes))


def one(database, table, where):
    found = database.execute(f"SELECT * FROM {table} WHERE {where} LIMIT 1")
    return dict(zip([column[0] for column in found.description], found.fetchone()))


def seed(path, now):
    database = sqlite3.connect(path)
    user, device = one(database, "users", "login <> 'ada'"), one(database, "devices", "1 = 1")
    users = [str(uuid.uuid4()) for _ in range(USERS)]
    copies(database, "users", user, ({
        "id": id, "login": f"user{n}", "login_folded": f"user{n}", "display_name": f"User {n}", "search": f"user{n} user {n}",
        "created_at": now - n * 1000, "expires_at": now + (n - 500) * DAY // 24 if n % 3 == 0 else None,
        "disabled": int(n % 50 == 0), "data_limit_bytes": 1 << 34 if n % 10 == 0 else None} for n, id in enumerate(users)))
    devices = [str(uuid.uuid4()) for _ in range(DEVICES)]
    copies(database, "devices", device, ({
        "id": id, "user_id": users[n % USERS], "name": f"device {n}", "public_key": base64.b64encode(os.urandom(32)).decode(),
        "ipv4": None, "ipv4_index": None, "ipv6": f"fd86:7::{n + 1000:x}", "ipv6_index": n + 1000,
        "search": f"device {n}", "created_at": now - n * 500, "expires_at": now + n * DAY // 1000 if n % 4 == 0 else None,
        "disabled": int(n % 40 == 0), "data_limit_bytes": 1 if n % 5000 == 1 else None} for n, id in enumerate(devices)))
    database.executemany(
        "INSERT INTO usage (device_id, rx_bytes, tx_bytes, last_handshake_at, updated_at) VALUES (?, ?, ?, ?, ?)",
        ((id, n * 1000, n * 7919 % 1_000_003, now - n * 20, now - n * 20) for n, id in enumerate(devices)))
    database.commit()
    # What the server does by itself at its start and stop.
    database.execute("PRAGMA optimize")
    database.close()
    return users


def measure(bench):
    with bench.data_dir() as data:
        server = bench.Server(data, "tunnel.backend=off").set_up()
        user = server.call("POST", "/api/v1/users", {"login": "template", "role": "member"})
        server.create("template", user_id=user["id"])
        server.stop()
        users = seed(data / "caspervpn.db", int(time.time() * 1000))
        server = bench.Server(data, "tunnel.backend=off")
        for what, path in ASKED:
            times, answer = [], None
            for _ in range(7):
                began = time.perf_counter()
                answer = server.call("GET", "/api/v1" + path.format(user=users[7]))
                times.append((time.perf_counter() - began) * 1000)
                if path == "/overview":
                    # Else the last one would be shown again.
                    time.sleep(2)
            rows = len(answer.get("items", []))
            good = max(times) <= BOUND_MS and rows <= 200
            shown = f"{statistics.median(times):.0f} ms, worst {max(times):.0f} ms"
            bench.figure(f"{what}, {rows} rows" if "items" in answer else what, shown, f"{BOUND_MS} ms", good)
        refused, _ = server.try_call("GET", "/api/v1/devices?limit=201")
        bench.figure("a page of 201 rows", str(refused), "refused", refused == 422)
        after, pages = None, 0
        began = time.perf_counter()
        while pages < 50:
            page = server.call("GET", "/api/v1/devices?limit=200&sort=-used_bytes" + (f"&after={after}" if after else ""))
            after, pages = page["next"], pages + 1
        bench.beside("fifty pages by use, one after the other", f"{(time.perf_counter() - began) * 20:.0f} ms each")
        bench.beside("bytes of a page of 200 devices", f"{len(json.dumps(page)):,}")
        server.stop()
