"""`csms pki`: the built-in certificate authority."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from csms.cli.options import ConfigOption, DataOption
from csms.cli.show import facts, instant, table
from csms.cli.store import note
from csms.cli.trail import Did
from csms.config import Config, load_config
from csms.pki import certificates
from csms.pki.files import write_key, write_private
from csms.pki.local import LocalAuthority, renew_server
from csms.pki.v2g import write_test_pki
from domain.errors import ConfigError, InvalidInput
from supervisor.clock import Clock

app = typer.Typer(help="The built-in certificate authority.", no_args_is_help=True)

Result = TypeVar("Result")


def _opened(config: Config) -> LocalAuthority:
    if not (config.paths.pki / "sub.pem").exists():
        raise ConfigError([f"{config.paths.pki}: has no authority yet; csms pki init makes it"])
    return LocalAuthority(config.paths.pki, config.pki)


def _with(
    data: DataOption, config: ConfigOption, work: Callable[[LocalAuthority, int], Result]
) -> Result:
    return work(_opened(load_config(file=config, data=data)), Clock().now_us())


@app.command("init")
def init(data: DataOption = None, config: ConfigOption = None) -> None:
    """Make root, sub-CA and our own server certificates, where they are not there yet."""
    settings = load_config(file=config, data=data)
    settings.paths.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    now_us = Clock().now_us()
    LocalAuthority.open(settings.paths.pki, settings.pki, now_us)
    renew_server(settings.paths.pki, settings.pki, settings.tls.names, now_us)
    note(data, config, Did("pki init"))
    show(data, config)


@app.command("show")
def show(data: DataOption = None, config: ConfigOption = None) -> None:
    """Show the authority and every certificate that it made."""
    settings = load_config(file=config, data=data)
    authority = _opened(settings)
    facts(
        [
            ("folder", settings.paths.pki),
            ("root", authority.root.subject.rfc4514_string()),
            ("fingerprint", authority.root.fingerprint(SHA256()).hex()),
            ("until", f"{authority.root.not_valid_after_utc:%Y-%m-%d}"),
        ]
    )
    table(
        ("serial", "name", "kind", "until", "revoked"),
        (
            (
                each.serial,
                each.name,
                each.kind,
                instant(each.not_after_us),
                instant(each.revoked_us) if each.revoked_us else "",
            )
            for each in authority.issued()
        ),
    )


@app.command("issue")
def issue(
    name: Annotated[str, typer.Argument(help="CN: the charger's identity or serial number.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where NAME.pem and NAME.key go.")],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Make a key and a certificate for a charger that cannot ask for one itself."""
    if Path(name).name != name:
        raise InvalidInput("name", "must not have a /")
    key = ec.generate_private_key(ec.SECP256R1())
    chain = _with(
        data,
        config,
        lambda authority, now_us: authority.certify(
            certificates.subject(name), key.public_key(), now_us
        ),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_key(folder / f"{name}.key", key)
    write_private(folder / f"{name}.pem", chain)
    serial = x509.load_pem_x509_certificates(chain)[0].serial_number
    note(data, config, Did("pki issue", name, {"serial": f"{serial:x}"}))
    facts(
        [
            ("chain", folder / f"{name}.pem"),
            ("key", folder / f"{name}.key"),
            ("serial", f"{serial:x}"),
        ]
    )


@app.command("revoke")
def revoke(
    serial: Annotated[
        str, typer.Argument(help="Its number, hexadecimal, as `csms pki show` has it.")
    ],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Revoke a certificate. Gateways refuse it from their next look at the files on."""
    gone = _with(data, config, lambda authority, now_us: authority.revoke(serial, now_us))
    note(data, config, Did("pki revoke", gone.serial, {"name": gone.name}))
    facts([("revoked", gone.serial), ("name", gone.name)])


@app.command("crl")
def crl(data: DataOption = None, config: ConfigOption = None) -> None:
    """Sign a new revocation list and print it (PEM)."""
    sys.stdout.write(
        _with(data, config, lambda authority, now_us: authority.write_crl(now_us)).decode()
    )


@app.command("root")
def root(data: DataOption = None, config: ConfigOption = None) -> None:
    """Print the root (PEM): what chargers have to trust."""
    sys.stdout.write(
        _with(
            data, config, lambda authority, _now_us: authority.root.public_bytes(Encoding.PEM)
        ).decode()
    )


@app.command("test-v2g")
def test_v2g(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
) -> None:
    """Make a V2G PKI for tests: V2G root, CPO and MO authorities, contracts. Never for real use."""
    write_test_pki(folder, Clock().now_us())
    facts([("made", folder)])
