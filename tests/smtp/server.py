"""A mail server for the tests: takes letters, and writes each as JSON, with its MIME parsed by Python's own parser.

server.py DIRECTORY SECURITY CERTIFICATE KEY USER PASSWORD

SECURITY is starttls, tls, plain (no TLS, no password) or stripped (offers neither TLS nor AUTH, as somebody in the middle
would make it look). The port is printed. While DIRECTORY/say exists, its line answers every RCPT.
"""

import asyncio
import json
import pathlib
import ssl
import sys
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, AuthResult

directory, security, certificate, key, user, password = sys.argv[1:]
directory = pathlib.Path(directory)


class Handler:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        say = directory / "say"
        if say.exists():
            return say.read_text().strip()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = message_from_bytes(envelope.content, policy=policy.default)
        part = lambda kind: message.get_body(preferencelist=(kind,))
        Handler.count += 1
        letter = {
            "mail_from": envelope.mail_from,
            "rcpt_tos": envelope.rcpt_tos,
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "user": session.auth_data and session.auth_data[0].decode(),
            "headers": {name.lower(): str(value) for name, value in message.items()},
            "header_names": [name.lower() for name in message.keys()],
            "defects": [str(defect) for part in message.walk() for defect in part.defects],
            "kind": message.get_content_type(),
            "text": part("plain").get_content(),
            "html": part("html").get_content(),
            "date": str(message["date"].datetime.isoformat()),
        }
        at = directory / f"{Handler.count}.json"
        at.with_suffix(".part").write_text(json.dumps(letter))
        at.with_suffix(".part").rename(at)
        return "250 2.0.0 queued as LETTER%d" % Handler.count


def authenticate(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (user.encode(), password.encode())
    return AuthResult(success=good, handled=False, auth_data=(data.login,))


async def main():
    context = None
    if security in ("starttls", "tls"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    wants_password = security in ("starttls", "tls")

    def factory():
        return SMTP(
            Handler(),
            hostname="mail.test",
            tls_context=context if security == "starttls" else None,
            require_starttls=security == "starttls",
            authenticator=authenticate if wants_password else None,
            auth_required=wants_password,
            auth_require_tls=security == "starttls",
            loop=asyncio.get_running_loop(),
        )

    wrapped = context if security == "tls" else None
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, ssl=wrapped)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The test holds our standard input open for as long as it lives.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
