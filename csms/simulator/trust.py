"""What virtual chargers trust on wss://, and what they prove (security profiles 2 and 3)."""

import ssl
from pathlib import Path


def trust(url: str, ca: Path | None = None, cert: Path | None = None) -> ssl.SSLContext | None:
    """Return the TLS context of chargers that dial `url`; None when it is no wss:// URL.

    Args:
        url: where they dial.
        ca: PEM of the roots to trust; None: those of the system.
        cert: PEM with their certificate, the chain and the private key; None: they prove nothing.

    Raises:
        OSError: a file cannot be read, or is no PEM (ssl.SSLError).
    """
    if not url.startswith("wss:"):
        return None
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert is not None:
        context.load_cert_chain(cert)
    return context
