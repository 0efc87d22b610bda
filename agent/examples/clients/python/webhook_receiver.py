#!/usr/bin/env python3
"""Receives what a desk's hooks post, verifies the signature, prints the facts: a line of JSON each.

usage: WEBHOOK_SECRET=… webhook_receiver.py CERTIFICATE.pem KEY.pem [PORT]
"""

import hashlib
import hmac
import http.server
import os
import ssl
import sys
import time

# How far the sender's clock may be off, and how old a post may be: what is older is perhaps sent again by a stranger.
TOLERANCE = 300
# A post has a few hundred bytes.
MAX_BODY = 64 << 10


def verified(secret, header, body, now):
    """Whether `Carillon-Signature: t=SECONDS,v1=HEX` fits the body."""
    fields = dict(field.split("=", 1) for field in header.split(",") if "=" in field)
    at = fields.get("t", "")
    if not at.isdigit() or abs(now - int(at)) > TOLERANCE:
        return False
    right = hmac.new(secret, at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(right, fields.get("v1", ""))


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes posts whose signature is right, each once."""

    secret = b""
    # A desk that got no answer posts again under the same name.
    known = []

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, MAX_BODY))
        name = self.headers.get("Carillon-Id", "")
        if not verified(self.secret, self.headers.get("Carillon-Signature", ""), body, time.time()):
            self.send_response(403)
            self.end_headers()
            return
        if name not in self.known:
            self.known.append(name)
            del self.known[:-1000]
            print(body.decode("utf-8"), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """What comes in is printed once it is verified."""


def main():
    if len(sys.argv) not in (3, 4) or not os.environ.get("WEBHOOK_SECRET"):
        sys.exit(__doc__)
    Receiver.secret = os.environ["WEBHOOK_SECRET"].encode()
    port = int(sys.argv[3]) if len(sys.argv) == 4 else 8443
    server = http.server.HTTPServer(("127.0.0.1", port), Receiver)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[1], sys.argv[2])
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
