"""The composition root: from a configuration to a running node."""

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from csms.config import Config
from csms.first_run import prepare_node
from csms.gateway.listeners import MUTUAL_TLS, PLAIN, TLS, Listener
from csms.gateway.tls import Contexts
from csms.opening import Opening
from csms.pki.contract_desk import ContractDesk
from csms.pki.local import LocalAuthority, renew_server
from csms.prepare import make_folders
from csms.quirks.catalogue import load_catalogue
from csms.secret import installation_secret
from csms.tree import gateway_names, node_tree
from domain.errors import ConfigError, Unavailable
from supervisor.boot import ExitCode, Node, NodeSettings
from supervisor.child import Child
from supervisor.clock import Clock
from supervisor.logs import LogSettings

log = logging.getLogger(__name__)

THREAD_S = 5.0
"""How long a thread of the start may take to end; then the start fails."""


@dataclass(frozen=True)
class Addresses:
    """Where a node can be reached, ports as they really are."""

    chargers: str
    api: str
    tls: str = ""
    """Where security profile 2 is served; empty: nowhere."""
    mtls: str = ""
    """Where security profile 3 is served; empty: nowhere."""
    link: str = ""
    """Path of the link for the first admin, after `api`; empty: there is a user."""
    late: tuple[str, ...] = ()
    """Processes that do not serve yet, after `listen.start_s`."""


def open_sockets(config: Config) -> dict[str, socket.socket]:
    """Return the listening sockets that all processes of a node share.

    One socket for all gateways: unlike SO_REUSEPORT, a hung process black-holes nobody.

    Raises:
        ConfigError: an address cannot be listened on.
    """
    sockets: dict[str, socket.socket] = {}
    problems = []
    listen = config.listen
    for name, section, host, port, backlog in (
        (PLAIN.socket, "listen", listen.host, listen.port, listen.backlog),
        (TLS.socket, "listen.tls", listen.tls_host, listen.tls_port, listen.backlog),
        (MUTUAL_TLS.socket, "listen.mtls", listen.mtls_host, listen.mtls_port, listen.backlog),
        ("api", "api", config.api.host, config.api.port, 1_024),
    ):
        if port is None:
            continue
        try:
            sockets[name] = _listen(host, port, backlog)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "another process listens there already" if taken else error.strerror
            problems.append(f"{section}: cannot listen on {host}:{port}: {why}")
    if problems:
        for opened in sockets.values():
            opened.close()
        raise ConfigError(problems)
    return sockets


def _listen(host: str, port: int, backlog: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(backlog)
        listening.setblocking(False)  # noqa: FBT003 - the name of the method says it
    except OSError:
        listening.close()
        raise
    return listening


def addresses(sockets: Mapping[str, socket.socket]) -> Addresses:
    """Return the URLs of listening sockets."""

    def place(name: str) -> str:
        host, port = sockets[name].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def chargers(listener: Listener) -> str:
        is_open = listener.socket in sockets
        return f"{listener.scheme}://{place(listener.socket)}/ocpp/" if is_open else ""

    return Addresses(chargers(PLAIN), f"http://{place('api')}", chargers(TLS), chargers(MUTUAL_TLS))


def prepare_certificates(config: Config) -> None:
    """Make what the built-in authority has to make, and try whether TLS can be served.

    Raises:
        ConfigError: it cannot: names the file.
    """
    now_us = Clock().now_us()
    ContractDesk(config.contracts, Clock().now_us)
    load_catalogue(config.gateway.quirks_file)
    if config.pki.authority == "local":
        LocalAuthority.open(config.paths.pki, config.pki, now_us)
    if not config.listen.encrypted:
        return
    if not config.tls.certificates:
        renew_server(config.paths.pki, config.pki, config.tls.names, now_us)
    Contexts(config.tls, config.paths.pki)


def serve(
    config: Config, started: Callable[[Addresses], None], extra: Sequence[Child] = ()
) -> ExitCode:
    """Run a node until it is told to stop, in the main thread; return its exit code.

    `started` is called once gateways and REST interface accept what comes (`csms.opening`).
    `extra`: further processes of the tree.

    Raises:
        ConfigError: the data directory or an address cannot be used.
        NodeError: another node has this directory, or the tree cannot be booted.
    """
    make_folders(config)
    node = Node(
        (*node_tree(config, installation_secret(config.paths.secret)), *extra),
        config.paths.run,
        NodeSettings(supervisor=config.supervisor, log=LogSettings(directory=config.paths.log)),
    )
    link = ""
    # First of all: processes of a killed node may still hold the addresses and the database.
    node.take_over()
    try:
        link = asyncio.run(prepare_node(config))
    except Unavailable as error:
        # Chargers are served all the same; the ledger waits for the database and migrates it.
        log.warning("the relational store is away: %s", error)
    for thread in threading.enumerate():
        # The database driver's may still be ending, and nothing can be forked beside a thread.
        if thread is not threading.current_thread():
            thread.join(THREAD_S)
    prepare_certificates(config)
    sockets = open_sockets(config)
    try:
        node.share(sockets)
        node.start()
        places = replace(addresses(sockets), link=link)
        opening = Opening(
            node.status,
            (*gateway_names(config), "api"),
            lambda late: started(replace(places, late=late)),
            config.listen.start_s,
            Clock().monotonic_us,
        )
        return node.wait(opening.look)
    finally:
        for listening in sockets.values():
            listening.close()
