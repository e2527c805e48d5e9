#!/usr/bin/env bash
# Makes what is handed out: the static binary, a tarball and a Debian package, with their SHA-256 sums, in ./dist.

# shellcheck source=packaging/scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

TARGET=x86_64-unknown-linux-musl
# The promise of the README. A binary larger than this is a mistake somebody should look at.
MOST_BYTES=$((40 * 1000 * 1000))
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n1)
OUT="$ROOT/dist"

# Times inside the archives are those of the commit, so that the same source makes the same bytes.
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}"
export SOURCE_DATE_EPOCH

main() {
	packaging/scripts/setup.sh all
	packaging/scripts/web.sh build
	claim_build_cache

	say "building the static binary (release profile)"
	CC_x86_64_unknown_linux_musl=musl-gcc cargo build --locked --release --target "$TARGET" --bin caspervpn
	local binary="$CARGO_TARGET_DIR/$TARGET/release/caspervpn"
	check_binary "$binary"

	rm -rf "$OUT"
	mkdir -p "$OUT"
	NOTICES=$(mktemp)
	trap 'rm -f "$NOTICES"' EXIT
	python3 packaging/scripts/notices.py "$TARGET" >"$NOTICES"
	install -m 0755 "$binary" "$OUT/caspervpn"
	make_tarball "$binary"
	make_deb "$binary"
	check_deb
	(cd "$OUT" && sha256sum caspervpn ./*.tar.gz ./*.deb | sed 's# \./# #' >SHA256SUMS && cat SHA256SUMS)
}

check_binary() {
	local kind size
	kind=$(file -b "$1")
	case $kind in
	*"statically linked"* | *"static-pie linked"*) ;;
	*) fail "the binary is not static: $kind" ;;
	esac
	if ldd "$1" 2>&1 | grep -q '=>'; then fail "the binary loads shared libraries"; fi
	size=$(stat -c %s "$1")
	if [[ $size -gt $MOST_BYTES ]]; then fail "the binary has $size bytes; $MOST_BYTES is the most"; fi
	note "static, $size bytes"
}

# Files in the tree that a package installs, with their modes. Takes the root of the tree and the binary.
stage() {
	install -D -m 0755 "$2" "$1/usr/bin/caspervpn"
	install -D -m 0644 packaging/systemd/caspervpn.service "$1/lib/systemd/system/caspervpn.service"
	install -D -m 0644 packaging/sysctl.d/60-caspervpn.conf "$1/usr/lib/sysctl.d/60-caspervpn.conf"
	install -D -m 0644 packaging/sysusers.d/caspervpn.conf "$1/usr/lib/sysusers.d/caspervpn.conf"
	local doc
	for doc in README.md CHANGELOG.md docs/*.md; do
		install -D -m 0644 "$doc" "$1/usr/share/doc/caspervpn/$(basename "$doc")"
	done
	install -D -m 0644 packaging/deb/copyright "$1/usr/share/doc/caspervpn/copyright"
	install -D -m 0644 packaging/deb/lintian-overrides "$1/usr/share/lintian/overrides/caspervpn"
	changelog | gzip_into "$1/usr/share/doc/caspervpn/changelog.gz"
	gzip_into "$1/usr/share/doc/caspervpn/third-party-notices.txt.gz" <"$NOTICES"
	"$2" --help | awk -v version="$VERSION" -v date="$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)" -f packaging/deb/man.awk |
		gzip_into "$1/usr/share/man/man8/caspervpn.8.gz"
}

# Debian's form of a changelog; what changed is in CHANGELOG.md, which the package has too.
changelog() {
	printf 'caspervpn (%s) unstable; urgency=medium\n\n  * What changed is in CHANGELOG.md beside this file.\n\n' "$VERSION"
	printf ' -- %s  %s\n' "$(sed -n 's/^Maintainer: //p' packaging/deb/control.in)" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
}

gzip_into() {
	mkdir -p "$(dirname "$1")"
	gzip -9n >"$1"
	chmod 0644 "$1"
}

make_tarball() {
	local tree name="caspervpn-$VERSION-x86_64-linux"
	tree=$(mktemp -d)
	install -D -m 0755 "$1" "$tree/$name/caspervpn"
	install -m 0644 "$NOTICES" "$tree/$name/THIRD-PARTY-NOTICES.txt"
	cp -r README.md LICENSE CHANGELOG.md docs packaging/systemd packaging/sysctl.d packaging/sysusers.d "$tree/$name/"
	tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
		--directory "$tree" "$name" | gzip -9n >"$OUT/$name.tar.gz"
	rm -rf "$tree"
}

make_deb() {
	if ! have dpkg-deb; then
		note "no Debian package: dpkg-deb is not on this machine"
		return
	fi
	local tree
	tree=$(mktemp -d)
	chmod 0755 "$tree"
	stage "$tree" "$1"
	install -d -m 0755 "$tree/DEBIAN"
	sed "s/@VERSION@/$VERSION/; s/@SIZE_KIB@/$(du -sk "$tree" | cut -f1)/" packaging/deb/control.in >"$tree/DEBIAN/control"
	install -m 0755 packaging/deb/postinst packaging/deb/prerm packaging/deb/postrm "$tree/DEBIAN/"
	# With these `dpkg --verify caspervpn` tells what somebody has changed.
	(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
	chmod 0644 "$tree/DEBIAN/md5sums"
	dpkg-deb --root-owner-group -Zxz --build "$tree" "$OUT/caspervpn_${VERSION}_amd64.deb" >/dev/null
	rm -rf "$tree"
}

check_deb() {
	local deb="$OUT/caspervpn_${VERSION}_amd64.deb"
	if [[ ! -f $deb ]]; then return; fi
	if ! have lintian; then
		note "the Debian package is not checked: lintian is not on this machine"
		return
	fi
	say "checking the Debian package"
	# It warns that root runs it, which is how a container does.
	lintian --allow-root --fail-on error,warning "$deb" || fail "lintian does not like the package"
	note "lintian finds nothing"
}

main
