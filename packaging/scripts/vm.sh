#!/usr/bin/env bash
# Boots a real Debian with systemd and the kernel's WireGuard, installs the package that was just built, and proves it.
#
#   vm.sh           builds the package, then runs the proof
#   vm.sh proof     runs the proof with the package in ./dist
#   vm.sh base      makes the machine's disk and nothing else
#
# The machine is emulated where KVM is not to be had, so everything in it is some ten times slower. What it proves is in
# packaging/vm/proof.sh; its lines are TAP. A boot that never comes to its last line is a failure.

# shellcheck source=packaging/scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

HOME_OF_VM="$CASPERVPN_CACHE/vm"
MIRROR="${CASPERVPN_DEBIAN_MIRROR:-http://deb.debian.org/debian}"
# What the proof itself uses. wireguard-tools are its oracle and its client, never ours.
GUEST_PACKAGES="systemd,systemd-sysv,dbus,udev,kmod,iproute2,iputils-ping,procps,nftables,wireguard-tools,openresolv,python3,curl,linux-image-cloud-amd64,initramfs-tools"
# Seconds from power on to the verdict. On two busy cores the proof takes 350.
PATIENCE_S="${CASPERVPN_VM_PATIENCE_S:-900}"

main() {
	packaging/scripts/setup.sh vm
	have qemu-system-x86_64 || fail "qemu-system-x86_64 is not installed"
	have debootstrap || fail "debootstrap is not installed"
	mkdir -p "$HOME_OF_VM"
	local base scratch
	base="$HOME_OF_VM/base-$(recipe | sha256sum | cut -c1-16)"
	if [[ ! -e $base/done ]]; then make_base "$base"; fi
	if [[ ${1:-} == base ]]; then return; fi
	if [[ ${1:-} != proof ]]; then packaging/scripts/package.sh; fi
	local debs=(dist/*.deb)
	[[ -f ${debs[0]} ]] || fail "there is no package in ./dist: run make package"
	scratch=$(mktemp -d "$HOME_OF_VM/run.XXXXXX")
	# shellcheck disable=SC2064  # the folder is fixed now, on purpose
	trap "rm -rf '$scratch'" EXIT
	pack "$scratch" "${debs[@]}"
	boot "$base" "$scratch"
	verdict "$scratch"
}

# Whatever changes the base changes its name. Month by month it is made anew, for Debian's updates.
recipe() { cat packaging/vm/base.sh packaging/vm/proof.service && printf '%s\n' "$GUEST_PACKAGES" "$(date -u +%Y-%m)"; }

# A disk with Debian on it, its kernel and its initial ramdisk. Needs root for debootstrap's chroot.
make_base() {
	[[ $(id -u) -eq 0 ]] || fail "making the virtual machine's disk needs root, once a month: sudo env CASPERVPN_CACHE=$CASPERVPN_CACHE packaging/scripts/vm.sh base"
	say "making the virtual machine's disk (once a month, some minutes)"
	rm -rf --one-file-system "$HOME_OF_VM"/base-*
	mkdir -p "$1"
	debootstrap --variant=minbase --include="$GUEST_PACKAGES" bookworm "$1/root" "$MIRROR" >"$1/debootstrap.log" 2>&1 ||
		{ tail -n 20 "$1/debootstrap.log" >&2 && fail "debootstrap did not succeed; its log is $1/debootstrap.log"; }
	install -m 0644 packaging/vm/proof.service "$1/root/etc/systemd/system/proof.service"
	bash packaging/vm/base.sh "$1/root"
	cp "$1"/root/boot/vmlinuz-* "$1/vmlinuz"
	cp "$1"/root/boot/initrd.img-* "$1/initrd"
	mkfs.ext4 -q -F -L root -d "$1/root" "$1/disk.img" 2G
	rm -rf --one-file-system "$1/root"
	touch "$1/done"
}

# A second disk: the package and the proof.
pack() {
	mkdir "$1/payload"
	cp packaging/vm/proof.sh packaging/vm/lab.sh packaging/vm/web.py "${@:2}" "$1/payload/"
	mkfs.ext4 -q -F -L payload -d "$1/payload" "$1/payload.img" 128M
}

boot() {
	say "booting"
	: >"$2/proof.log"
	tail -n +1 -f "$2/proof.log" --pid=$$ | sed -u 's/\r$//; s/^/    /' &
	local shower=$! code=0 begin=$SECONDS
	# Nothing that the guest writes reaches the base: snapshot=on keeps it in a temporary file.
	TMPDIR="$2" timeout --kill-after=10 "$PATIENCE_S" qemu-system-x86_64 \
		-accel "${CASPERVPN_VM_ACCEL:-tcg}" -cpu max -smp 2 -m 1024 -nographic -nodefaults -no-reboot -nic none \
		-kernel "$1/vmlinuz" -initrd "$1/initrd" \
		-append "root=LABEL=root rw console=ttyS0 quiet panic=-1 systemd.show_status=no" \
		-drive "file=$1/disk.img,format=raw,if=virtio,snapshot=on" \
		-drive "file=$2/payload.img,format=raw,if=virtio,readonly=on" \
		-device virtio-rng-pci -serial "file:$2/console.log" -serial "file:$2/proof.log" || code=$?
	sleep 1
	kill "$shower" 2>/dev/null || true
	wait "$shower" 2>/dev/null || true
	note "the machine was on for $((SECONDS - begin)) s (qemu ended with $code)"
}

verdict() {
	local log="$1/proof.log" plan passed failed
	tr -d '\r' <"$log" >"$HOME_OF_VM/proof.log"
	tr -d '\r' <"$1/console.log" >"$HOME_OF_VM/console.log"
	log="$HOME_OF_VM/proof.log"
	passed=$(grep -c '^ok ' "$log" || true)
	failed=$(grep -c '^not ok ' "$log" || true)
	plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log")
	if [[ -z $plan ]]; then
		tail -n 20 "$HOME_OF_VM/console.log" >&2
		fail "the machine never came to its verdict ($passed passed, $failed failed); see $HOME_OF_VM/console.log"
	fi
	if [[ $failed -gt 0 || $plan -ne $((passed + failed)) || $plan -eq 0 ]]; then
		grep '^not ok ' "$log" >&2 || true
		fail "$failed of $plan failed; the whole log is $log"
	fi
	say "all $plan passed; the whole log is $log"
}

main "$@"
