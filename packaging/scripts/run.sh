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
chmod 0700 var
# A short name for the verbs of the program that runs here.
ln -sfn "$binary" var/caspervpn
export CASPERVPN_SERVER__DATA_DIR="${CASPERVPN_SERVER__DATA_DIR:-$ROOT/var}"
# Ports 80 and 443 may be somebody else's here; listen.api needs no certificate on this machine.
export CASPERVPN_LISTEN__HTTPS="${CASPERVPN_LISTEN__HTTPS:-off}"
export CASPERVPN_LISTEN__HTTP="${CASPERVPN_LISTEN__HTTP:-off}"
if [[ $(id -u) -ne 0 ]]; then
	note "not root: devices can be managed but no packet is carried; the log and /readyz say what to do"
fi

say "starting; data is in $CASPERVPN_SERVER__DATA_DIR, Ctrl-C stops"
note "verbs, in another terminal: ./var/caspervpn --data-dir $CASPERVPN_SERVER__DATA_DIR doctor"
exec "$binary" serve "$@"
