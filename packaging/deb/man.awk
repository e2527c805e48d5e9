# Makes a manual page of what `caspervpn --help` prints, so that it never says something else than the program.
# Variables: version, date.

function clean(text) {
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	return text ~ /^[.']/ ? "\\&" text : text
}

BEGIN {
	printf ".TH CASPERVPN 8 %s \"caspervpn %s\" \"System administration\"\n", date, version
	print ".SH NAME\ncaspervpn \\- whole VPN service in one program\n.SH DESCRIPTION"
}

/^Usage: / { print ".SH SYNOPSIS"; sub(/^Usage: /, ""); print ".B " clean($0); next }
/^[A-Z][A-Za-z ]*:$/ { sub(/:$/, ""); print ".SH " toupper(clean($0)); listing = ($0 == "Examples"); next }
/^$/ { if (!listing) print ".PP"; next }
listing && /^ / { sub(/^ +/, ""); print ".PP\n.B " clean($0); next }
{ listing = 0 }
# An entry of a list: a name, two spaces or more, what it does.
match($0, /^  [a-z][a-z-]*  +/) {
	name = substr($0, 3, RLENGTH - 2)
	sub(/ +$/, "", name)
	print ".TP\n.B " clean(name) "\n" clean(substr($0, RLENGTH + 1))
	next
}
# An option; what it does is on the line below it.
/^ +-/ { sub(/^ +/, ""); print ".TP\n.B " clean($0); next }
{ sub(/^ +/, ""); print clean($0) }

END {
	print ".SH FILES\n.TP\n.I /etc/caspervpn/caspervpn.toml\nBoot settings; every key has a default."
	print ".TP\n.I /var/lib/caspervpn\nDatabase, master key, local socket."
	print ".SH SEE ALSO\n.BR systemctl (1),\n.BR wg\\-quick (8).\nDocuments are in\n.IR /usr/share/doc/caspervpn ."
}
