"""Makes src/secrets/password/common.txt.gz: the common passwords that nobody may set.

    pip download --no-deps django==5.2.8 && common_passwords.py django-5.2.8-*.whl

The list is Django's (BSD-3-Clause): 20,000 passwords, made by Royce Williams from leaked ones. Kept are those of four
printable ASCII characters or more, in lower case, sorted, one a line; the same input gives the same bytes.
"""

import gzip
import pathlib
import sys
import zipfile

LIST = "django/contrib/auth/common-passwords.txt.gz"
PLACE = pathlib.Path(__file__).resolve().parents[2] / "src/secrets/password"
SHORTEST = 4


def main(wheel):
    with zipfile.ZipFile(wheel) as files:
        words = gzip.decompress(files.read(LIST)).decode().lower().split("\n")
        licence = next(name for name in files.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
        text = files.read(licence)
    kept = sorted({word for word in words if len(word) >= SHORTEST and word.isascii() and word.isprintable()})
    packed = gzip.compress("\n".join(kept).encode(), compresslevel=9, mtime=0)
    (PLACE / "common.txt.gz").write_bytes(packed)
    (PLACE / "common.LICENSE").write_bytes(text)
    print(f"{len(kept)} passwords, {len(packed)} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
