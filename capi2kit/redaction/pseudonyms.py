"""Pseudonyms: a name → another one, by a keyed hash (HMAC-SHA-256): the same each time, and nothing to be read from it without the key.

Each has the form of what it stands for: a SID is a SID, an address an address of the same kind, a hash as many hexadecimal digits,
so that whatever reads the evidence reads it on.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from functools import cached_property

from capi2kit.redaction.keys import Key

_LETTERS = 8
_SHARED = ipaddress.ip_network("198.18.0.0/15")  # set aside for tests: no computer on the internet has one of these


class Pseudonyms:
    """The pseudonyms of one key. Each one that is given out is kept in the key, with the name behind it."""

    def __init__(self, key: Key) -> None:
        self._key = key

    @cached_property
    def _given(self) -> dict[str, str]:
        """The names by their pseudonyms, in small letters."""
        return {pseudonym.casefold(): name.casefold() for pseudonym, name in self._key.names.items()}

    def word(self, kind: str, name: str) -> str:
        """``h-k3f9a2qd``: a letter for the kind, and eight letters and digits."""
        return self._first_free(name, lambda turn: f"{kind}-{self._text(kind, name, turn=turn)}")

    def digits(self, name: str) -> str:
        """As many hexadecimal digits as a hash has, in the same case."""

        def made(turn: int) -> str:
            count = -(-len(name) // 64)
            text = "".join(self._hash("hex", name, turn=turn * 1000 + place).hex() for place in range(count))[
                : len(name)
            ]
            return text if name == name.lower() else text.upper()

        return self._first_free(name, made)

    def sid(self, sid: str) -> str:
        """A SID of the same kind: the numbers of a domain, and of an account in it, each by themselves."""
        head, numbers = sid.split("-")[:4], sid.split("-")[4:]
        domain = "-".join(numbers[:3]) if head[3] == "21" else "-".join(numbers)
        raw = self._hash("domain", "-".join([*head, domain]), turn=0)
        count = 3 if head[3] == "21" else len(numbers)
        made = [str(int.from_bytes(raw[4 * place : 4 * place + 4], "big") or 1) for place in range(min(count, 8))]
        made += ["1"] * (count - len(made))
        if head[3] == "21" and len(numbers) > 3:
            account = int.from_bytes(self._hash("account", sid, turn=0)[:4], "big")
            made.append(numbers[3] if int(numbers[3]) < 1000 else str(1000 + account % 900_000_000))
        return self.keep("-".join([*head, *made]), sid)

    def address(self, address: str) -> str:
        """An IP address of the same kind: private ones stay private; what answers only the computer itself stays as it is."""
        try:
            known = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return address
        if known.is_loopback or known.is_unspecified or known.is_multicast or str(known) == "255.255.255.255":
            return address
        if known.version == 6:
            head = "fe80" if known.is_link_local else "fd00"
            return self._first_free(address, lambda turn: _grouped(head, self._hash("address", address, turn=turn)))
        network = ipaddress.ip_network("10.0.0.0/8") if known.is_private and known not in _SHARED else _SHARED
        return self._first_free(address, lambda turn: self._inside(network, address, turn=turn))

    def _inside(self, network: ipaddress.IPv4Network | ipaddress.IPv6Network, address: str, *, turn: int) -> str:
        number = int.from_bytes(self._hash("address", address, turn=turn)[:4], "big")
        return str(network[1 + number % (network.num_addresses - 2)])

    def _first_free(self, name: str, made: Callable[[int], str]) -> str:
        """The first pseudonym in turn that no other name has."""
        turn = 0
        while self._given.get((pseudonym := made(turn)).casefold(), name.casefold()) != name.casefold():
            turn += 1
        return self.keep(pseudonym, name)

    def keep(self, pseudonym: str, name: str) -> str:
        """Note which name is behind a pseudonym."""
        if pseudonym.casefold() not in self._given:
            self._given[pseudonym.casefold()] = name.casefold()
            self._key.names[pseudonym] = name
        return pseudonym

    def _text(self, kind: str, name: str, *, turn: int) -> str:
        return base64.b32encode(self._hash(kind, name, turn=turn)).decode().lower()[:_LETTERS]

    def _hash(self, kind: str, name: str, *, turn: int) -> bytes:
        message = f"{kind}\0{name.casefold()}\0{turn}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key.secret, message, hashlib.sha256).digest()


def _grouped(head: str, raw: bytes) -> str:
    return f"{head}::" + ":".join(raw[place : place + 2].hex() for place in (0, 2, 4, 6))
