"""The TLS contexts of a gateway, built from files, and built anew when a file changes.

A context is only looked at when a connection begins, so a new one counts for new connections and
open ones stay as they are. What cannot be built (a file half written, a key that does not fit)
leaves the old context in place, and is logged and counted.
"""

import logging
import ssl
from collections.abc import Mapping
from pathlib import Path

from csms.gateway.listeners import LISTENERS, Listener
from csms.gateway.tls_settings import TlsSettings
from csms.pki.client_certificate import Trust
from csms.pki.local import server_files
from csms.pki.revocations import load_certificates, revoked
from domain.errors import ConfigError

log = logging.getLogger(__name__)

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
"""Of TLS 1.2: the forward-secret ones of OCPP's list (A00.FR.317), for both kinds of keys. Those of
TLS 1.3 are fixed by OpenSSL."""
STATIC_RSA = ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
"""TLS_RSA_WITH_AES_*_GCM: in OCPP's list too, without forward secrecy."""
MINIMUM: Mapping[str, ssl.TLSVersion] = {
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


class Contexts:
    """The contexts of the encrypted listeners, and what certificates are held against.

    Args:
        settings: where the files are.
        pki: the folder of the built-in authority.

    Raises:
        ConfigError: they cannot be built; with one line a file.
    """

    def __init__(self, settings: TlsSettings, pki: Path) -> None:
        self._settings = settings
        self._pki = pki
        self._seen: Mapping[Path, tuple[int, int]] = {}
        self._contexts: Mapping[str, ssl.SSLContext] = {}
        self.trust = Trust()
        self.failures = 0
        self._load()

    def of(self, listener: Listener) -> ssl.SSLContext:
        """Return the context for a new connection of an encrypted listener."""
        return self._contexts[listener.socket]

    def refresh(self) -> bool:
        """Load the files again if one of them has changed; return whether a new context counts.

        Costs a look at each file. Never raises: what cannot be loaded is logged, and the old
        contexts stay.
        """
        if self._look() == self._seen:
            return False
        try:
            self._load()
        except ConfigError as error:
            self.failures += 1
            log.error("certificates cannot be loaded, the old ones stay: %s", error)  # noqa: TRY400
            return False
        log.warning("certificates were loaded anew")
        return True

    def _load(self) -> None:
        self._seen = self._look()
        contexts = {each.socket: self._build(each) for each in LISTENERS if each.encrypted}
        roots = [each for path in self._authorities() for each in load_certificates(path)]
        self.trust = Trust(self._settings.operator, revoked(self._lists(), roots))
        self._contexts = contexts

    def _chains(self) -> tuple[tuple[Path, Path], ...]:
        own = tuple((each.chain, each.key) for each in self._settings.certificates)
        return own or server_files(self._pki)

    def _authorities(self) -> tuple[Path, ...]:
        builtin = (self._pki / "root.pem", self._pki / "sub.pem")
        kept = tuple(path for path in builtin if path.exists()) if self._settings.builtin_ca else ()
        return (*kept, *self._settings.client_cas)

    def _lists(self) -> tuple[Path, ...]:
        own = self._pki / "crl.pem"
        builtin = (own,) if self._settings.builtin_ca and own.exists() else ()
        return (*builtin, *self._settings.crls)

    def _look(self) -> Mapping[Path, tuple[int, int]]:
        paths = [path for pair in self._chains() for path in pair]
        return {path: _mark(path) for path in (*paths, *self._authorities(), *self._lists())}

    def _build(self, listener: Listener) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = MINIMUM[self._settings.minimum]
        suites = CIPHERS + (STATIC_RSA if self._settings.static_rsa else ())
        context.set_ciphers(":".join(suites))
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        problems = []
        for chain, key in self._chains():
            try:
                context.load_cert_chain(chain, key, _no_passphrase)
            except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
                problems.append(f"tls.certificates: {chain} and {key}: {error}")
        if problems:
            raise ConfigError(problems)
        if listener.certificates:
            context.verify_mode = ssl.CERT_REQUIRED
            context.verify_flags |= ssl.VERIFY_X509_STRICT
            for path in self._authorities():
                try:
                    context.load_verify_locations(path)
                except OSError as error:
                    problems.append(f"tls.client_cas: {path}: {error}")
        if problems:
            raise ConfigError(problems)
        return context


def _mark(path: Path) -> tuple[int, int]:
    """Return what changes with a file; zeros when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase; decrypt it")
