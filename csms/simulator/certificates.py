"""Certificates (security whitepaper for OCPP 1.6, section 4)."""

from collections.abc import Mapping

from csms.simulator.face import ChargerFace, Command, Request, answer
from csms.simulator.outbox import Payload


def install_certificate(charger: ChargerFace, request: Request) -> Payload:
    """Keep a certificate by its kind; the hashes are made up."""
    if "BEGIN CERTIFICATE" not in request["certificate"]:
        return answer("Rejected")
    charger.certificates.append(
        {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": f"{len(charger.certificates):064x}",
            "issuerKeyHash": f"{len(request['certificate']):064x}",
            "serialNumber": f"{len(charger.certificates) + 1:x}",
        }
    )
    return answer("Accepted")


def delete_certificate(charger: ChargerFace, request: Request) -> Payload:
    """Forget a certificate."""
    if request["certificateHashData"] not in charger.certificates:
        return answer("NotFound")
    charger.certificates.remove(request["certificateHashData"])
    return answer("Accepted")


def get_installed_certificate_ids(charger: ChargerFace, _request: Request) -> Payload:
    """List certificates."""
    if not charger.certificates:
        return answer("NotFound")
    return {"status": "Accepted", "certificateHashData": list(charger.certificates)}


def certificate_signed(_charger: ChargerFace, request: Request) -> Payload:
    """Take a certificate that looks like one."""
    return answer("Accepted" if "BEGIN CERTIFICATE" in request["certificateChain"] else "Rejected")


COMMANDS: Mapping[str, Command] = {
    "CertificateSigned": certificate_signed,
    "DeleteCertificate": delete_certificate,
    "GetInstalledCertificateIds": get_installed_certificate_ids,
    "InstallCertificate": install_certificate,
}
