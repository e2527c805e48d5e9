#!/usr/bin/env bash
# Sets up and runs every test. nextest's closing lines are the last thing printed.
#
# With CI=true a test that needs root must run: one that finds namespaces or /dev/net/tun missing fails there
# instead of being counted as skipped.

# shellcheck source=packaging/scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

packaging/scripts/setup.sh all
claim_build_cache

packaging/scripts/web.sh build
packaging/scripts/web.sh test

profile=default
if [[ ${CI:-} == true ]]; then profile=ci; fi

say "running the tests"
# shellcheck disable=SC2086  # FILTER is several words on purpose
exec cargo nextest run --locked --profile "$profile" ${FILTER:-}
