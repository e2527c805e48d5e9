"""Prints the licence texts of everything that is linked into the binary: what their licences ask of who hands it out.

    notices.py TARGET
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

# What is in the binary and came with no crate.
FILES = {"Django's list of common passwords (BSD-3-Clause)": "src/secrets/password/common.LICENSE"}
# What `web/notices.js` found in the pages when they were built.
PAGES = "web/src/api/generated/notices.json"
TEXT = re.compile(r"(licen[cs]e|copying|notice|unlicense)", re.IGNORECASE)


def linked(metadata):
    """Packages reached over normal dependencies; what builds or tests the program is not in it."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    root = metadata["resolve"]["root"]
    found, ahead = set(), [root]
    while ahead:
        for dependency in nodes[ahead.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            procedural = any("proc-macro" in target["kind"] for target in packages[dependency["pkg"]]["targets"])
            if normal and not procedural and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                ahead.append(dependency["pkg"])
    return sorted((packages[it] for it in found), key=lambda it: (it["name"], it["version"]))


def texts(package):
    """The package's own licence files, and those of the C sources that it brings along."""
    folder = pathlib.Path(package["manifest_path"]).parent
    for path in sorted(folder.rglob("*")):
        if path.is_file() and TEXT.match(path.name) and path.suffix.lower() not in (".rs", ".py", ".json", ".toml"):
            yield path.read_text(errors="replace").strip()


def main(target):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    owners, bare = collections.defaultdict(list), []
    for package in linked(metadata):
        name = f"{package['name']} {package['version']} ({package['license']})"
        found = dict.fromkeys(texts(package))
        for text in found:
            owners[text].append(name)
        if not found:
            bare.append(f"{name}, {', '.join(package['authors']) or package['repository'] or 'no author named'}")
    root = pathlib.Path(metadata["workspace_root"])
    for name, path in FILES.items():
        owners[(root / path).read_text().strip()].append(name)
    pages = json.loads((root / PAGES).read_text())
    if not pages:
        sys.exit(f"{PAGES} is empty: remove web/dist and build the web pages anew")
    for notice in pages:
        owners[notice["text"]] += [f"{package}, in the web pages" for package in notice["packages"]]
    print("caspervpn is linked with the following works, and with musl's C library (MIT) and Rust's standard library")
    print("(MIT or Apache-2.0). SQLite is in the public domain. Sources: https://crates.io/crates/NAME, those of the web pages:")
    print("https://www.npmjs.com/package/NAME\n")
    for text, names in sorted(owners.items(), key=lambda it: it[1]):
        print("=" * 100, *names, "-" * 100, text, "", sep="\n")
    print("=" * 100, "Published without a licence text; their licences are the named ones:", *bare, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1])
