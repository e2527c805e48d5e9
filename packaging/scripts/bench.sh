#!/usr/bin/env bash
# Measures. Figures of ours are printed beside what they are compared with, from the same run.

# shellcheck source=packaging/scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

packaging/scripts/setup.sh all
packaging/scripts/web.sh build
claim_build_cache

if [[ ! -x benches/run.sh ]]; then fail "benches/run.sh is not there"; fi
exec benches/run.sh "$@"
