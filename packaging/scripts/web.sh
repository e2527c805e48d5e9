#!/usr/bin/env bash
# Installs, builds and tests the web pages. Each step is skipped when its inputs have not changed.
#
#   web.sh install | build | test | check

# shellcheck source=packaging/scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

digest() { cat "$@" | sha256sum | cut -d' ' -f1; }

install() {
	local sum stamp=web/node_modules/.stamp
	sum="$(digest web/package-lock.json web/package.json)-$(node --version)"
	if [[ -f $stamp && $(<"$stamp") == "$sum" ]]; then return; fi
	say "installing web packages"
	(cd web && npm ci --no-audit --no-fund --ignore-scripts --prefer-offline)
	printf '%s' "$sum" >"$stamp"
}

build() {
	install
	local sum files stamp=web/node_modules/.built
	# What is generated follows from the two golden files, which are inputs as much as the sources are.
	mapfile -t files < <(
		find web -path web/node_modules -prune -o -path web/dist -prune -o -path web/src/api/generated -prune -o -type f -print | sort
		find src/api/snapshots src/domain/snapshots -type f | sort
	)
	sum=$(digest "${files[@]}")
	if [[ -f web/dist/index.html && -f $stamp && $(<"$stamp") == "$sum" ]]; then return; fi
	say "building web pages"
	npm --prefix web run --silent build
	printf '%s' "$sum" >"$stamp"
}

test_() {
	install
	npm --prefix web run --silent test
}

check() {
	install
	npm --prefix web run --silent typecheck
	npm --prefix web run --silent lint
}

case "${1:-}" in
install) install ;;
build) build ;;
test) test_ ;;
check) check ;;
*) fail "usage: web.sh install|build|test|check" ;;
esac
