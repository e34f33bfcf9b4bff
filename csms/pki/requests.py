"""Is this signing request one that we sign? OCPP 2.1 A02.FR.05 to 08; 1.6 security 4.1.4.

What a charger may choose is its key. Names, purposes and life in the certificate are ours, whatever
the request says.
"""

from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import NameOID

from csms.pki.client_certificate import attributes, weak_key
from domain.errors import InvalidInput

CSR_CHARS_MAX = 5_500


def checked(csr: str, names: Iterable[str], operator: str) -> x509.CertificateSigningRequest:
    """Return the parsed request.

    Args:
        csr: PEM.
        names: what its CN may be: identity and serial number of the charger; empty ones are none.
        operator: what its O must be.

    Raises:
        InvalidInput: field and rule that it breaks.
    """
    if len(csr) > CSR_CHARS_MAX:
        raise InvalidInput("csr", f"has {len(csr)} characters; {CSR_CHARS_MAX} are allowed")
    try:
        request = x509.load_pem_x509_csr(csr.encode())
        key = request.public_key()
        is_own = request.is_signature_valid  # proof of possession
        found = attributes(request.subject, NameOID.COMMON_NAME)
        organizations = attributes(request.subject, NameOID.ORGANIZATION_NAME)
    except Exception as error:
        raise InvalidInput("csr", f"cannot be read: {error}") from error
    weak = weak_key(key)
    if weak:
        raise InvalidInput("csr.key", f"is too weak or of another kind: {weak}")
    if not is_own:
        raise InvalidInput("csr.signature", "is not by the key in it")
    allowed = {name.casefold() for name in names if name}
    if len(found) != 1 or found[0].casefold() not in allowed:
        raise InvalidInput("csr.CN", f"is {found}, not the charger's identity or serial number")
    if operator not in organizations:
        raise InvalidInput("csr.O", f"is {organizations}, not {operator!r}")
    return request
