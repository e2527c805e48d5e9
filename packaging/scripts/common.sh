# shellcheck shell=bash
# Sourced by every script here: strict mode, where things are, and how a person is told.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT"

export CASPERVPN_CACHE="${CASPERVPN_CACHE:-$HOME/.cache/caspervpn}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$CASPERVPN_CACHE/target}"
export npm_config_cache="${npm_config_cache:-$CASPERVPN_CACHE/npm}"
TOOLS="$CASPERVPN_CACHE/tools"
export PATH="$TOOLS/bin:$HOME/.cargo/bin:$PATH:/usr/sbin:/sbin"
mkdir -p "$CARGO_TARGET_DIR" "$TOOLS/bin"

say() { printf '\n==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
fail() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Cargo names the crate's artefacts by its path *inside* the workspace and trusts file times, so two clones that
# share a target directory can run each other's binaries. When the last build there came from another clone, our
# own crate's artefacts go; the dependencies stay.
claim_build_cache() {
	local owner="$CARGO_TARGET_DIR/.clone" profile
	if [[ -f $owner && $(<"$owner") == "$ROOT" ]]; then return; fi
	for profile in dev release; do
		cargo clean --quiet --package caspervpn --profile "$profile" 2>/dev/null || true
		cargo clean --quiet --package caspervpn --profile "$profile" --target x86_64-unknown-linux-musl 2>/dev/null || true
	done
	printf '%s' "$ROOT" >"$owner"
}
