#!/usr/bin/env bash
# Everything that must stay clean. Every check runs even if one before it failed, so that one run tells all.

# shellcheck source=packaging/scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

ADVISORIES="${CASPERVPN_ADVISORY_DB:-$ROOT/../shared/advisory-db}"
FAILED=()

step() {
	local name="$1" begin=$SECONDS
	shift
	say "$name"
	if "$@"; then
		note "ok: $name ($((SECONDS - begin)) s)"
	else
		note "FAILED: $name"
		FAILED+=("$name")
	fi
}

tidy() {
	cargo test --quiet --locked --test tidy
}

audit() {
	if [[ -d $ADVISORIES ]]; then
		cargo audit --no-fetch --stale --db "$ADVISORIES" --quiet
	elif [[ -n ${CASPERVPN_FETCH_ADVISORIES:-} ]]; then
		cargo audit --quiet
	else
		note "skipped: no advisory database at $ADVISORIES (set CASPERVPN_FETCH_ADVISORIES=1 to fetch RustSec's)"
	fi
}

scripts() {
	local files=()
	mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run 'packaging/deb/*inst' 'packaging/deb/*rm')
	shellcheck --external-sources "${files[@]}"
}

workflows() {
	if ! have actionlint || ! have zizmor; then
		note "skipped: actionlint or zizmor is not on this machine"
		return
	fi
	actionlint .github/workflows/*.yml && zizmor --offline --quiet .github/
}

units() {
	if ! have systemd-analyze; then
		note "skipped: systemd-analyze is not on this machine"
		return
	fi
	packaging/scripts/units.sh
}

packaging/scripts/setup.sh all
packaging/scripts/web.sh build
claim_build_cache
# cargo-deny looks at every platform's crates, also those that no build here has asked for.
cargo fetch --quiet --locked

step "format" cargo fmt --check
step "lints" cargo clippy --quiet --locked --all-targets -- -D warnings
step "layers and house rules" tidy
step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps --lib --document-private-items
step "licences and sources" cargo deny --offline --log-level error check bans licenses sources
step "advisories" audit
step "scripts" scripts
step "workflows" workflows
step "units" units
step "web" packaging/scripts/web.sh check

if [[ ${#FAILED[@]} -gt 0 ]]; then
	fail "not clean: $(printf '%s, ' "${FAILED[@]}" | sed 's/, $//')"
fi
say "all clean"
