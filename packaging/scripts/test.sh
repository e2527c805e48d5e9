#!/usr/bin/env bash
# Sets up and runs every test. nextest's closing lines are the last thing printed.
#
# What this machine cannot run is left out by name, so that nextest counts it as skipped: a test that is started and
# misses what it needs fails. With CI=true nothing may be left out.

# shellcheck source=packaging/scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

packaging/scripts/setup.sh all
claim_build_cache

packaging/scripts/web.sh build
packaging/scripts/web.sh test

say "building the tests"
cargo nextest run --locked --no-run

LEFT_OUT=()

# leave_out WHY FILTERSET
leave_out() {
	note "skipped: $(count "$2") tests, $1"
	LEFT_OUT+=("($2)")
}

count() { cargo nextest list --locked --message-format oneline --filterset "$1" 2>/dev/null | wc -l; }

may_change_the_network() { [[ $(id -u) -eq 0 && -c /dev/net/tun ]] && unshare --net --mount true 2>/dev/null; }
has_browser() { [[ -x ${CHROMIUM:-/usr/bin/chromium} && -d web/node_modules/playwright-core ]]; }
has_oidc_provider() { [[ -d web/node_modules/oidc-provider ]]; }
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }

leave_out_what_cannot_run() {
	may_change_the_network || leave_out "because they need root, network namespaces and /dev/net/tun" \
		'test(/^(agent|end_to_end|netlink|strangers|tunnel|acme::caddy|acme::whole|edge_proxy::names|e2e::traffic)::|^http3::connections_of_one_address/) - test(/^tunnel::memory::/) + test(/full_disk|read_only_data|power_cut|what_root_makes|client_config::wg_/)'
	has_browser || leave_out "because there is no Chromium" 'test(/::e2e_/)'
	have schemathesis || leave_out "because there is no schemathesis" 'test(/::openapi_fuzz_/)'
	{ have aiosmtpd && have openssl; } || leave_out "because there is no aiosmtpd" 'test(/::smtp_/)'
	have python3 || leave_out "because there is no Python" 'test(/^webhooks::/)'
	have moto_server || leave_out "because there is no moto_server" 'test(/::aws_moto_/)'
	has_postgres || leave_out "because there is no PostgreSQL" 'test(/postgres|pooled::|pgbouncer::/)'
	have pgbouncer || leave_out "because there is no PgBouncer" 'test(/pooled::|pgbouncer::/)'
	have oathtool || leave_out "because there is no oathtool" 'test(/oathtool/)'
	has_oidc_provider || leave_out "because there is no oidc-provider" 'test(/by_a_real_provider/)'
	{ [[ -x /usr/sbin/slapd ]] && have ldapadd && have openssl; } || leave_out "because there is no slapd" 'test(/^(directory|e2e::providers)::/)'
	{ have pebble && have openssl; } || leave_out "because there is no Pebble" 'test(/^acme::/) - test(/^acme::(caddy|hook|unkind)::/) + test(/^(certificates|e2e::certificate)::/)'
	{ [[ -x /usr/sbin/named ]] && have dig && have nsupdate; } || leave_out "because there is no BIND" 'test(/^(acme::zone|acme::whole|edge_proxy::names)::/)'
	have caddy || leave_out "because there is no Caddy" 'test(/^acme::caddy::/)'
	have sslyze || leave_out "because there is no sslyze" 'test(/::sslyze_/)'
	have h2load || leave_out "because there is no h2load" 'test(/::h2load_/)'
	have slowhttptest || leave_out "because there is no slowhttptest" 'test(/::slowhttptest_/)'
	have strace || leave_out "because there is no strace" 'test(/the_log_is_synced/)'
}

profile=default
options=()
if [[ ${CI:-} == true ]]; then
	profile=ci
else
	leave_out_what_cannot_run
fi
if [[ ${#LEFT_OUT[@]} -gt 0 ]]; then
	# A filter of the profile, because those of the command line add to each other.
	printf "[profile.default]\ndefault-filter = 'not (%s)'\n" "$(printf '%s + ' "${LEFT_OUT[@]}" | sed 's/ + $//')" \
		>"$CARGO_TARGET_DIR/left-out.toml"
	options=(--tool-config-file "caspervpn:$CARGO_TARGET_DIR/left-out.toml")
fi

say "running the tests"
# shellcheck disable=SC2086  # FILTER is several words on purpose
exec cargo nextest run --locked --profile "$profile" "${options[@]}" ${FILTER:-}
