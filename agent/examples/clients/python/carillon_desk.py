#!/usr/bin/env python3
"""A client of a desk's local API: calls, events, and a page when somebody calls. Standard library only."""

import argparse
import http.client
import json
import os
import sys
import urllib.parse
import webbrowser
from pathlib import Path


class Refused(Exception):
    """The agent said no, and why (RFC 9457)."""


def state_folder():
    """Where an agent keeps its state when nobody says otherwise."""
    if os.environ.get("CARILLON_STATE"):
        return Path(os.environ["CARILLON_STATE"])
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/carillon")
    base = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(base or Path.home() / ".local" / "state") / "carillon"


class Desk:
    """A running agent."""

    def __init__(self, folder=None):
        # Anew for every start of the agent, and readable for its user alone.
        file = Path(folder or state_folder()) / "control.json"
        control = json.loads(file.read_text(encoding="utf-8"))
        self.address = control["address"]
        self.headers = {"Authorization": "Bearer " + control["token"]}

    def ask(self, method, path, body=None):
        """One request; the answer as Python data."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, self.headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        data = json.loads(data) if data else None
        if answer.status >= 400:
            raise Refused(data["detail"] + ("; " + data["advice"] if data.get("advice") else ""))
        return data

    def events(self):
        """Name and data of everything that happens from now on. Listens before it returns."""
        connection = http.client.HTTPConnection(self.address)
        connection.request("GET", "/v1/events", headers=self.headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise Refused(json.loads(answer.read())["detail"])
        # The comment that says: nothing is missed from here on.
        answer.readline()
        return self._read(answer)

    @staticmethod
    def _read(answer):
        name = None
        for line in answer:
            line = line.decode("utf-8").rstrip("\n")
            if line.startswith("event: "):
                name = line[len("event: "):]
            elif line.startswith("data: "):
                yield name, json.loads(line[len("data: "):])


def far_side(call):
    """User and host of `sip:user@host;parameters`, as the caller wrote them."""
    address = call["peer"].split(":", 1)[-1]
    user, _, host = address.rpartition("@")
    return urllib.parse.unquote(user.split(";")[0]), host.split(";")[0]


def page(template, call):
    """The address with {number}, {name} and {domain} in it percent-encoded, so that a caller writes no address."""
    number, domain = far_side(call)
    for token, value in (("number", number), ("name", call["peer_name"] or ""), ("domain", domain)):
        template = template.replace("{" + token + "}", urllib.parse.quote(value, safe=""))
    return template


def call(desk, target):
    """Calls, and tells every step until the end."""
    events = desk.events()
    placed = desk.ask("POST", "/v1/calls", {"target": target})
    print("calling", placed["peer"], flush=True)
    seen = None
    for name, data in events:
        if name == "call_changed" and data["id"] == placed["id"] and data["state"] != seen:
            seen = data["state"]
            print(seen, flush=True)
        elif name == "call_ended" and data["call"]["id"] == placed["id"]:
            print("ended:", data["text"], flush=True)
            return


def watch(desk):
    """Prints every event, a line of JSON each."""
    for name, data in desk.events():
        print(json.dumps({"event": name, "data": data}), flush=True)


def pop(desk, template, only_print):
    """Opens a page for each call that comes in."""
    known = set()
    for name, data in desk.events():
        if name != "call_changed" or data["direction"] != "incoming" or data["id"] in known:
            continue
        known.add(data["id"])
        address = page(template, data)
        print(address, flush=True)
        if not only_print:
            webbrowser.open(address)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", help="the agent's state folder")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("call").add_argument("target")
    verbs.add_parser("watch")
    popping = verbs.add_parser("pop")
    popping.add_argument("address", help="like https://crm.example/?number={number}")
    popping.add_argument("--print", action="store_true", help="print the address, open nothing")
    asked = parser.parse_args()
    try:
        desk = Desk(asked.state)
        if asked.verb == "call":
            call(desk, asked.target)
        elif asked.verb == "watch":
            watch(desk)
        else:
            pop(desk, asked.address, asked.print)
    except FileNotFoundError as error:
        sys.exit(f"no agent runs here: {error.filename} is not there")
    except (Refused, OSError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
