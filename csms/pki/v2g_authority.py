"""An authority for the certificates that chargers show to cars: a CPO sub-CA below a V2G root.

ISO 15118-2, annex F: P-256, a short life, DC = CPO. Root and sub-CA are not made here: a CPO gets
his sub-CA from the operator of a V2G root.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from csms.pki.certificates import Signer, subject
from csms.pki.client_certificate import attributes
from csms.pki.files import pem, read_key
from csms.pki.requests import checked
from csms.pki.revocations import load_certificates
from csms.pki.settings import PkiSettings
from domain.errors import ConfigError, InvalidInput

DOMAIN = "CPO"
"""DC of a charger's certificate: it is a charger's."""


class V2gAuthority:
    """Signs with the sub-CA in `pki.v2g_chain` and `pki.v2g_key`.

    Raises:
        ConfigError: the files cannot be read, or do not belong together.
    """

    def __init__(self, chain: Path, key: Path, settings: PkiSettings) -> None:
        try:
            self._above = load_certificates(chain)
        except (OSError, ValueError) as error:
            raise ConfigError([f"pki.v2g_chain: {chain} cannot be read: {error}"]) from error
        private = read_key(key)
        if private.public_key() != self._above[0].public_key():
            raise ConfigError([f"pki.v2g_key: {key} is not the key of the first in {chain}"])
        self._sub = Signer(self._above[0], private)
        self._settings = settings

    async def sign(self, csr: str, charger: str, serial: str, now_us: int) -> str:
        """See CertificateAuthority. The chain ends below the root, as cars want it."""
        settings = self._settings
        request = checked(csr, (charger, serial), settings.operator)
        key = request.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
            raise InvalidInput("csr.key", "must be on P-256 (ISO 15118-2)")
        name = attributes(request.subject, NameOID.COMMON_NAME)[0]
        made = self._sub.leaf(
            subject(name, settings.operator, DOMAIN),
            key,
            now_us,
            settings.v2g_days,
            purposes=(),
            key_agreement=True,
        )
        if made.not_valid_after_utc > self._above[0].not_valid_after_utc:
            raise InvalidInput("chain", "the sub-CA ends before the certificate would")
        above = [each for each in self._above if each.subject != each.issuer]
        return pem(made, *above).decode()

    async def roots(self) -> str:
        """Return nothing: chargers get V2G roots by InstallCertificate."""
        return ""
