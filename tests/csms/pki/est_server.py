"""A small EST responder (RFC 7030) over TLS, in a thread, that stops by itself."""

import base64
import contextlib
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from tests.csms.pki.kit import NOW_US, Pki

USER, PASSWORD = "csms", "est-secret"


class EstServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, pki: Pki) -> None:
        self.pki = pki
        self.fails: int = 0
        """An HTTP status to answer every request with; 0: answer."""
        self.wrong_key = False
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.folder / "server-ecdsa.pem", pki.folder / "server-ecdsa.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_address[1]}/.well-known/est"

    def handle_error(self, request, client_address) -> None:
        """A client that does not trust us is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: EstServer

    def log_message(self, *args) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        authority = self.server.pki.authority
        self._answer([authority.root, authority.sub])

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers["Authorization"] != wanted:
            self._fail(401)
            return
        request = x509.load_der_x509_csr(base64.b64decode(body))
        key = self.server.pki.authority.root.public_key() if self.server.wrong_key else None
        chain = self.server.pki.authority.certify(
            request.subject, key or request.public_key(), NOW_US
        )
        self._answer(x509.load_pem_x509_certificates(chain)[:1])

    def _fail(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, certificates: list[x509.Certificate]) -> None:
        if self.server.fails:
            self._fail(self.server.fails)
            return
        body = base64.encodebytes(pkcs7.serialize_certificates(certificates, Encoding.DER))
        self.send_response(200)
        self.send_header("Content-Type", "application/pkcs7-mime; smime-type=certs-only")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def est_server(pki: Pki) -> Iterator[EstServer]:
    server = EstServer(pki)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
