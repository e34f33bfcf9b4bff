"""What any certificate authority does for us."""

from typing import Protocol


class CertificateAuthority(Protocol):
    """Signs requests of chargers. `LocalAuthority` is the built-in one, `EstAuthority` another."""

    async def sign(self, csr: str, charger: str, serial: str, now_us: int) -> str:
        """Return the chain for a request: PEM, the charger's certificate first.

        Args:
            csr: PEM, as the charger sent it.
            charger: its identity.
            serial: the serial number that its record has; empty: none.
            now_us: microseconds since 1970 UTC.

        Raises:
            InvalidInput: this request will never be signed; says why.
            Unavailable: the authority is away, or wants to think; try later.
        """

    async def roots(self) -> str:
        """Return the certificates to trust, PEM.

        Raises:
            Unavailable: the authority is away.
        """
