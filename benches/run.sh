#!/usr/bin/env bash
# Measures the release binary, each figure beside its bound and beside its peer from the same run. Needs root: it works
# in network namespaces of its own. A part alone: benches/run.sh size|start|get|create|audit|tunnel|login|edge|proxy|lists|panel|memory

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/caspervpn/target}"
TARGET=x86_64-unknown-linux-musl

for program in wrk h2load nginx openssl strace node chromium iperf3 wg wireguard-go ip nft python3 musl-gcc; do
	command -v "$program" >/dev/null || {
		echo "error: $program is not installed; make setup installs what measuring needs" >&2
		exit 1
	}
done
if [[ $(id -u) -ne 0 ]]; then
	echo "error: measuring needs root, for network namespaces and a TUN device" >&2
	exit 1
fi

export CC_x86_64_unknown_linux_musl=musl-gcc
cargo build --quiet --locked --release --target "$TARGET" --bin caspervpn
cargo build --quiet --locked --release --target "$TARGET" --bench bare
bare=$(find "$CARGO_TARGET_DIR/$TARGET/release/deps" -maxdepth 1 -name 'bare-*' -type f -perm -u+x -printf '%T@ %p\n' | sort -n | tail -n1 | cut -d' ' -f2)
exec python3 benches/measure.py "$CARGO_TARGET_DIR/$TARGET/release/caspervpn" "$bare" "$@"
