#!/usr/bin/env bash
# Sets up, builds and starts the appliance with its data in ./var.
#
# The development profile is the default: it compiles in a third of the time of the release one, which is what a
# newcomer waits for, shares its work with `make test`, and has the heavy crates (ciphers, database, password
# hashing, tunnel) optimised all the same. PROFILE=release builds the fast one.

# shellcheck source=packaging/scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

PROFILE="${PROFILE:-dev}"

packaging/scripts/setup.sh run
packaging/scripts/web.sh build
claim_build_cache

say "building caspervpn ($PROFILE profile)"
cargo build --locked --profile "$PROFILE" --bin caspervpn

folder=$PROFILE
if [[ $PROFILE == dev ]]; then folder=debug; fi
binary="$CARGO_TARGET_DIR/$folder/caspervpn"

mkdir -p var
export CASPERVPN_DATA_DIR="${CASPERVPN_DATA_DIR:-$ROOT/var}"

say "starting; data is in $CASPERVPN_DATA_DIR, Ctrl-C stops"
exec "$binary" serve "$@"
