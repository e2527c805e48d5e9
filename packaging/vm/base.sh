#!/usr/bin/env bash
# Makes a fresh debootstrap root one that boots in the virtual machine and runs the proof. Takes the root.

set -euo pipefail

root="$1"
echo "LABEL=root / ext4 errors=remount-ro 0 1" >"$root/etc/fstab"
echo vpn >"$root/etc/hostname"
echo "127.0.0.1 localhost vpn" >"$root/etc/hosts"
# A login prompt on the console would cut into what is written there; the timers would take the emulated time.
for unit in serial-getty@ttyS0 getty@tty1 apt-daily.timer apt-daily-upgrade.timer e2scrub_reap e2scrub_all.timer \
	dpkg-db-backup.timer fstrim.timer logrotate.timer man-db.timer systemd-timesyncd; do
	case $unit in *.*) ;; *) unit=$unit.service ;; esac
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
ln -sf ../proof.service "$root/etc/systemd/system/multi-user.target.wants/proof.service"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
