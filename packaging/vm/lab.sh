# shellcheck shell=bash
# Sourced by proof.sh: TAP lines, waiting, and the network around the server.
#
# The machine itself is the VPN server. Two clients and "the internet" are network namespaces; the internet knows no route
# to the pools, so what comes back from there has been masqueraded.

COUNT=0
FAILED=0

# claim "what shall be true" command…: one line of TAP. What the command printed is shown when it failed.
claim() {
	local what="$1" said code=0
	shift
	COUNT=$((COUNT + 1))
	said=$("$@" 2>&1) || code=$?
	if [[ $code -eq 0 ]]; then
		echo "ok $COUNT - $what # ${SECONDS} s"
	else
		FAILED=$((FAILED + 1))
		echo "not ok $COUNT - $what # ${SECONDS} s"
		echo "ended with $code: $*" | comment
		comment <<<"$said"
	fi
}

# Its opposite: the command has to fail.
refuted() {
	local what="$1"
	shift
	claim "$what" fails "$@"
}

fails() { ! "$@"; }

comment() { sed 's/^/#   /'; }

# within SECONDS command…: again and again until it succeeds.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		if [[ $SECONDS -ge $end ]]; then return 1; fi
		sleep 0.3
	done
}

equal() { [[ $1 == "$2" ]] || { echo "'$1' is not '$2'" && return 1; }; }

# json FIELD: picks a field, by dots, out of the JSON on standard input.
json() {
	python3 -c 'import json, sys
at = json.load(sys.stdin)
for step in sys.argv[1].split("."):
    at = at[int(step)] if step.isdigit() else at[step]
print(at if isinstance(at, str) else json.dumps(at))' "$1"
}

# namespace NAME V4 V6: joined to the server by a cable; the server is .1 (::1), the namespace .2 (::2).
namespace() {
	ip netns add "$1"
	ip -n "$1" link set lo up
	ip link add "v-$1" type veth peer name eth0 netns "$1"
	ip address add "$2.1/24" dev "v-$1"
	ip address add "$3::1/64" dev "v-$1" nodad
	ip link set "v-$1" up
	ip -n "$1" address add "$2.2/24" dev eth0
	ip -n "$1" address add "$3::2/64" dev eth0 nodad
	ip -n "$1" link set eth0 up
}

lay_cables() {
	namespace laptop 192.0.2 2001:db8:1
	namespace phone 203.0.113 2001:db8:2
	namespace internet 198.51.100 2001:db8:3
	# Both clients reach the server under one address.
	ip address add 192.0.2.1/32 dev lo 2>/dev/null || true
	ip -n laptop route add default via 192.0.2.1
	ip -n phone route add default via 203.0.113.1
	ip netns exec internet python3 /mnt/web.py &
}

in_laptop() { ip netns exec laptop "$@"; }
in_phone() { ip netns exec phone "$@"; }
reaches() { ip netns exec "$1" ping -n -c 1 -W 2 "$2"; }
# The address from which a web server of the internet is asked.
seen_as() { ip netns exec "$1" curl -sS --max-time 10 "http://$2/"; }
