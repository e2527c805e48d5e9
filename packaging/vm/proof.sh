#!/usr/bin/env bash
# The proof, inside the virtual machine: the package under systemd, and the tunnel in the kernel.
#
# Each claim is one line of TAP on standard output; the closing 1..N says that it came to its end.

set -uo pipefail
# shellcheck source=packaging/vm/lab.sh
source /mnt/lab.sh
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /root || exit 1

V4=198.51.100.2
V6=2001:db8:3::2

pid() { systemctl show --property MainPID --value caspervpn; }
ready() { caspervpn healthcheck >/dev/null 2>&1; }
another_pid() { [[ $(pid) != 0 && $(pid) != "$1" ]] && ready; }
status() { sed -n "s/^$1:\s*//p" "/proc/$(pid)/status"; }
device() { caspervpn --json device show "$1" --user ada | json "$2"; }
peers() { wg show cvpn0 peers | sort; }
interfaces() { ip -o link | sed -n 's/^[0-9]*: \(cvpn[0-9]*\).*/\1/p' | sort | xargs; }
# Bytes both ways by wg's own word.
transferred() { wg show cvpn0 transfer | awk -v key="$1" '$1 == key { print $2 + $3 }'; }
handshake() { wg show cvpn0 latest-handshakes | awk -v key="$1" '$1 == key { print $2 }'; }

main() {
	echo "# kernel $(uname -r), $(nproc) processors, up for $(cut -d' ' -f1 /proc/uptime) s"
	lay_cables
	install_package
	run_the_service
	set_up
	connect
	count
	cut_off
	heal
	die_and_stop
	find_leftovers
	carry_in_userspace
	remove_package
	echo "# what the service warned of:"
	grep -vE '^$' /root/warnings 2>/dev/null | sort | uniq -c | comment
	echo "1..$COUNT"
	echo "# $FAILED of $COUNT failed"
}

install_package() {
	claim "the package installs" install_and_keep_words
	comment </root/install.log
	claim "its last words tell how to begin" grep -q 'caspervpn setup-link' /root/install.log
	claim "the service is enabled" systemctl is-enabled --quiet caspervpn
	claim "the service is active" systemctl is-active --quiet caspervpn
	claim "it has told systemd that it is ready" equal "$(systemctl show -p Type --value caspervpn)/$(systemctl show -p SubState --value caspervpn)" notify/running
	claim "it answers that it is ready" ready
	claim "no installed file differs from the package" equal "$(dpkg --verify caspervpn)" ""
	claim "forwarding is on" equal "$(sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding | xargs)" "1 1"
	claim "a setup link can be had" grep -q '/setup#cvs_' <(caspervpn setup-link 2>&1)
}

warnings() {
	caspervpn --json doctor | python3 -c 'import json, sys
print(*sorted(it["check"] for it in json.load(sys.stdin)["findings"] if it["level"] != "ok"))'
}

install_and_keep_words() { dpkg -i /mnt/caspervpn_*.deb >/root/install.log 2>&1; }

run_the_service() {
	claim "it runs as its own user" equal "$(ps -o user= -p "$(pid)")" caspervpn
	# CAP_NET_BIND_SERVICE (bit 10) and CAP_NET_ADMIN (bit 12).
	claim "it has two capabilities and can get no more" equal "$(status CapEff) $(status CapBnd) $(status NoNewPrivs)" "0000000000001400 0000000000001400 1"
	claim "doctor finds nothing that keeps it from working" caspervpn doctor
	caspervpn doctor 2>&1 | comment
	# Nothing keeps this machine's clock.
	claim "doctor warns only that it is not set up, and of the clock" equal "$(warnings)" "clock setup"
	local before
	before=$(pid)
	claim "reload succeeds" systemctl reload caspervpn
	claim "reload leaves the process and its readiness" equal "$(pid) $(ready && echo ready)" "$before ready"
	claim "restart succeeds" systemctl restart caspervpn
	claim "restart makes another process, ready when systemctl returns" another_pid "$before"
	before=$(pid)
	kill -9 "$before"
	claim "killed, it is back within 30 s" within 30 another_pid "$before"
}

set_up() {
	cat >setup.toml <<-TOML
		token_file = "owner.token"
		[owner]
		login = "ada"
		password = "correct horse battery"
		[endpoint]
		host = "192.0.2.1"
		[network]
		name = "office"
		ipv4 = "10.86.0.0/24"
		ipv6 = "fd86:7::/64"
		dns = ["$V4"]
	TOML
	claim "unattended set-up succeeds" caspervpn setup --file setup.toml
	claim "the tunnel is the kernel's" within 10 backend_is kernel
	claim "the interface is a WireGuard link" within 10 grep -q wireguard <(ip -d link show cvpn0)
	claim "packets wait before it in fair queues" grep -q 'qdisc fq_codel .* root' <(tc qdisc show dev cvpn0)
	claim "wg reads its port" equal "$(wg show cvpn0 listen-port)" 51820
	claim "the node has no problem" equal "$(caspervpn --json node show local | json health.problems)" "[]"
	claim "doctor warns of the clock alone" equal "$(warnings)" clock
	claim "the command line makes a device" caspervpn device create laptop --user ada --conf laptop.conf
	claim "the API makes a device" make_phone
	claim "its configuration is revealed" caspervpn device reveal phone --user ada --conf phone.conf
	claim "both are peers of the kernel" within 2 equal_peers
	comment < <(ip -d address show cvpn0; wg show cvpn0 | grep -v 'preshared')
}

backend_is() { [[ $(caspervpn --json node show local | json health.backend) == "$1" ]]; }

# In the owner's own name. The server makes the keys, as none is said.
make_phone() {
	curl -sS --fail-with-body --max-time 20 -H "Authorization: Bearer $(<owner.token)" \
		-H 'Content-Type: application/json' -d '{"name": "phone"}' http://127.0.0.1:8080/api/v1/devices
}

# wg's peers are the devices that may connect, as the API has them.
equal_peers() {
	equal "$(peers)" "$(caspervpn --json device list --all | python3 -c '
import json, sys
print(*sorted(it["public_key"] for it in json.load(sys.stdin)["items"] if it["state"] == "active"), sep="\n")')"
}

connect() {
	cp laptop.conf laptop.orig
	claim "wg-quick takes the laptop's configuration unchanged" in_laptop wg-quick up /root/laptop.conf
	claim "wg-quick takes the phone's configuration unchanged" in_phone wg-quick up /root/phone.conf
	claim "IPv4 packets come back from the internet" within 10 reaches laptop "$V4"
	claim "IPv6 packets come back from the internet" within 10 reaches laptop "$V6"
	claim "the phone's too" within 10 reaches phone "$V4"
	claim "HTTP over IPv4 is masqueraded" equal "$(seen_as laptop "$V4")" "::ffff:198.51.100.1"
	claim "HTTP over IPv6 is masqueraded" equal "$(seen_as laptop "[$V6]")" 2001:db8:3::1
	PHONE_V4=$(device phone ipv4) PHONE_V6=$(device phone ipv6)
	claim "the server reaches the phone" ping -n -c 1 -W 2 "$PHONE_V4"
	refuted "a client does not reach another over IPv4" reaches laptop "$PHONE_V4"
	refuted "a client does not reach another over IPv6" reaches laptop "$PHONE_V6"
	claim "wg-quick left the file as it was" cmp laptop.conf laptop.orig
}

count() {
	LAPTOP=$(device laptop public_key)
	claim "a download of 5 MB arrives" equal "$(in_laptop curl -sS --max-time 60 -o /dev/null -w '%{size_download}' "http://$V4/5000000")" 5000000
	claim "device show has the kernel's counters within 20 s" within 20 used_like_kernel laptop
	claim "device show has the kernel's handshake" equal "$(date -d "$(device laptop last_handshake_at)" +%s)" "$(handshake "$LAPTOP")"
	caspervpn device show laptop --user ada | comment
	claim "device live says online" equal "$(caspervpn --json device live laptop --user ada | json online)" true
	caspervpn device live laptop --user ada | comment
	claim "device usage has today" caspervpn device usage laptop --user ada
}

# What is stored is what the kernel says, but for what has passed since the last report.
used_like_kernel() {
	local used real
	used=$(device "$1" used_bytes)
	real=$(transferred "$(device "$1" public_key)")
	echo "used $used, the kernel says $real"
	[[ $used -gt 5000000 && $used -le $real && $((real - used)) -lt 20000 ]]
}

cut_off() {
	ip netns exec laptop ping -n -D -i 0.2 "$V4" >ping.log 2>&1 &
	local pinger=$!
	sleep 2
	claim "disable succeeds" caspervpn device disable laptop --user ada
	local end last
	end=$(date +%s.%N)
	sleep 4
	kill -INT $pinger
	wait $pinger
	last=$(sed -n 's/^\[\([0-9.]*\)\].*bytes from.*/\1/p' ping.log | tail -n 1)
	claim "there was traffic before" test "$(grep -c 'bytes from' ping.log)" -ge 3
	claim "the last packet came back less than 2 s after it" python3 -c "import sys; late = $last - $end; print(late); sys.exit(late >= 2)"
	claim "the kernel has no such peer any more" equal "$(peers | grep -c "$LAPTOP")" 0
	claim "enable succeeds" caspervpn device enable laptop --user ada
	claim "enabled again, traffic flows within 30 s" within 30 reaches laptop "$V4"
	claim "what it had used is not forgotten" test "$(device laptop used_bytes)" -gt 5000000
	claim "delete succeeds" caspervpn device delete phone --user ada
	claim "the kernel's peers are the devices that may connect" within 2 equal_peers
	claim "there is one" equal "$(peers)" "$LAPTOP"
}

heal() {
	wg set cvpn0 peer "$LAPTOP" remove
	claim "a peer that somebody took out is back within 10 s" within 10 equal_peers
	ip link del cvpn0
	claim "an interface that somebody deleted is back within 10 s" within 10 equal_peers
	claim "and carries traffic within 30 s" within 30 reaches laptop "$V4"
	ip netns exec phone wg-quick down /root/phone.conf 2>&1 | comment
	hold_port 5353
	caspervpn node networks update local office --listen-port 5353 2>&1 | comment
	claim "a port that is taken is a problem that names the port and how to find its holder" within 10 problem_says 'UDP port 5353 is in use'
	caspervpn --json node show local | json health.problems | comment
	kill "$HOLDER"
	claim "the problem goes when the port is free" within 90 problem_is_gone
	claim "the kernel then listens there" equal "$(wg show cvpn0 listen-port)" 5353
	caspervpn node networks update local office --listen-port 51820 2>&1 | comment
	claim "and back" within 10 listens_on 51820
	claim "the laptop finds it again" within 30 reaches laptop "$V4"
}

# Takes a UDP port, as the process HOLDER.
hold_port() {
	python3 -c 'import socket, sys, time
held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
held.bind(("0.0.0.0", int(sys.argv[1])))
time.sleep(600)' "$1" &
	HOLDER=$!
	within 10 grep -qi ":$(printf %04x "$1") " /proc/net/udp
}

problem_says() { caspervpn --json node show local | json health.problems | grep -q "$1"; }
problem_is_gone() { [[ $(caspervpn --json node show local | json health.problems) == "[]" ]]; }
listens_on() { [[ $(wg show cvpn0 listen-port) == "$1" ]]; }

die_and_stop() {
	local before used
	in_laptop curl -sS --max-time 60 -o /dev/null "http://$V4/1000000"
	within 20 used_at_least 6000000
	used=$(device laptop used_bytes)
	before=$(pid)
	kill -9 "$before"
	claim "killed, its tunnel still carries traffic" reaches laptop "$V4"
	claim "killed, it is back within 30 s" within 30 another_pid "$before"
	claim "there is exactly one interface" equal "$(interfaces)" cvpn0
	claim "the laptop has traffic again within 30 s, untouched" within 30 reaches laptop "$V4"
	claim "what it had used is not forgotten, nor counted twice" used_between "$used" $((used + 100000))
	claim "stop succeeds" systemctl stop caspervpn
	claim "stopped, there is no interface" equal "$(interfaces)" ""
	claim "stopped, there is no firewall table" equal "$(nft list tables | grep -i casper)" ""
	claim "stopped in order, not killed" equal "$(systemctl show -p Result --value caspervpn)" success
}

used_at_least() { [[ $(device laptop used_bytes) -ge $1 ]]; }
used_between() { local used; used=$(device laptop used_bytes) && echo "$used" && [[ $used -ge $1 && $used -le $2 ]]; }

find_leftovers() {
	ip link add cvpn0 type wireguard
	wg genkey | wg set cvpn0 private-key /dev/stdin listen-port 51820 peer "$(wg genkey | wg pubkey)" allowed-ips 10.86.0.99/32
	ip address add 10.99.0.1/24 dev cvpn0
	ip link set cvpn0 up
	ip link add cvpn7 type wireguard
	ip link add cvpn9 type dummy
	claim "root may use the command line while the service is stopped" caspervpn user list
	claim "which leaves no file that the service may not use" equal "$(find /var/lib/caspervpn ! -user caspervpn)" ""
	claim "it starts all the same" systemctl start caspervpn
	claim "the leftover of ours is adopted: our key, our peers, our addresses" within 10 ours_alone
	claim "another leftover is gone, a link of another kind is let be" equal "$(interfaces)" "cvpn0 cvpn9"
	claim "the laptop has traffic again within 30 s" within 30 reaches laptop "$V4"
	ip link del cvpn9
	systemctl stop caspervpn
	ip link add cvpn0 type dummy
	systemctl start caspervpn
	claim "a foreign link with our name is a problem that says what to do" within 20 problem_says 'ip link del cvpn0'
	caspervpn --json node show local | json health.problems | comment
	ip link del cvpn0
	claim "without it the interface is made" within 90 ours_alone
	systemctl stop caspervpn
	hold_port 51820
	systemctl start caspervpn
	claim "a port that is taken at start is a problem that names it" within 20 problem_says 'UDP port 51820 is in use'
	caspervpn --json node show local | json health.problems | comment
	kill "$HOLDER"
	claim "free, the interface comes up" within 90 problem_is_gone
	claim "and the laptop has traffic within 30 s" within 30 reaches laptop "$V4"
}

ours_alone() { equal_peers && equal "$(ip -br address show cvpn0 | grep -c '10.99.0.1')" 0 && ip -br address show cvpn0 | grep -q 10.86.0.1; }

carry_in_userspace() {
	printf '[tunnel]\nbackend = "userspace"\n' >/etc/caspervpn/caspervpn.toml
	claim "a setting turns it to the userspace tunnel" systemctl restart caspervpn
	claim "the unit lets it open /dev/net/tun" within 10 backend_is userspace
	claim "it carries traffic" within 30 reaches laptop "$V4"
	rm /etc/caspervpn/caspervpn.toml
	claim "and back to the kernel's" systemctl restart caspervpn
	claim "which carries traffic" within 30 reaches laptop "$V4"
}

remove_package() {
	in_laptop wg-quick down /root/laptop.conf 2>&1 | comment
	claim "nothing was refused by the sandbox" equal "$(journalctl -b --no-pager -o cat | grep -ciE 'type=1326|sigsys|apparmor="DENIED"')" 0
	claim "nothing panicked" equal "$(journalctl -b -u caspervpn --no-pager -o cat | grep -c panicked)" 0
	claim "it never lost sight of its counters" equal "$(journalctl -b -u caspervpn --no-pager -o cat | grep 'could not be read')" ""
	journalctl -b -u caspervpn --no-pager -o cat | grep -E '"level":"(WARN|ERROR)"' |
		sed -E 's/"timestamp":"[^"]*",//; s/[0-9a-f]{8}-[0-9a-f-]{27}/ID/g' | cut -c1-300 >/root/warnings
	claim "the package is removed" dpkg -r caspervpn
	claim "removed, nothing runs and no interface is left" equal "$(pgrep -x caspervpn)$(interfaces)" ""
	claim "the data is kept" test -f /var/lib/caspervpn/caspervpn.db
	claim "installed again, it runs" dpkg -i /mnt/caspervpn_*.deb
	claim "with the device it had" within 10 equal_peers
	claim "an upgrade restarts it" dpkg -i /mnt/caspervpn_*.deb
	claim "and it is ready" within 10 ready
	claim "the package is purged" dpkg -P caspervpn
	claim "purged, nothing of it is left" equal "$(find / -xdev -name '*caspervpn*' -not -path '/tmp/*' -not -path '/root/*')" ""
}

main
