"""The configuration keys of a simulated 1.6 charger (OCPP 1.6 section 9)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from csms.simulator.metering import MEASURANDS
from csms.simulator.settings import SimulatorSettings


def _anything(_value: str) -> bool:
    return True


def _natural(value: str) -> bool:
    return value.isascii() and value.isdigit() and int(value) <= 2**31 - 1


def _boolean(value: str) -> bool:
    return value.lower() in {"true", "false"}


def _measurands(value: str) -> bool:
    return all(part.strip() in MEASURANDS for part in value.split(",") if part.strip())


def _password(value: str) -> bool:
    return 16 <= len(value) <= 40  # noqa: PLR2004 - OCPP 1.6 security whitepaper, section 2


@dataclass(frozen=True)
class Key:
    """One configuration key."""

    value: str
    valid: Callable[[str], bool] = _anything
    readonly: bool = False
    hidden: bool = False
    """Write-only: GetConfiguration does not show the value."""
    reboot: bool = False


def _readonly(value: str) -> Key:
    return Key(value, readonly=True)


KEYS: Mapping[str, Key] = {
    "AllowOfflineTxForUnknownId": Key("true", _boolean),
    "AuthorizationCacheEnabled": Key("false", _boolean),
    "AuthorizationKey": Key("", _password, hidden=True),
    "AuthorizeRemoteTxRequests": Key("false", _boolean),
    "ChargeProfileMaxStackLevel": _readonly("10"),
    "ChargingScheduleAllowedChargingRateUnit": _readonly("Current,Power"),
    "ChargingScheduleMaxPeriods": _readonly("24"),
    "ClockAlignedDataInterval": Key("0", _natural),
    "ConnectionTimeOut": Key("60", _natural),
    "ConnectorPhaseRotation": Key("0.RST", _anything),
    "GetConfigurationMaxKeys": _readonly("50"),
    "HeartbeatInterval": Key("300", _natural),
    "LocalAuthListEnabled": Key("true", _boolean),
    "LocalAuthListMaxLength": _readonly("1000"),
    "LocalAuthorizeOffline": Key("true", _boolean),
    "LocalPreAuthorize": Key("false", _boolean),
    "MaxChargingProfilesInstalled": _readonly("20"),
    "MeterValuesAlignedData": Key("Energy.Active.Import.Register", _measurands),
    "MeterValuesSampledData": Key(
        "Energy.Active.Import.Register,Power.Active.Import,Current.Import,SoC", _measurands
    ),
    "ResetRetries": Key("1", _natural),
    "SecurityProfile": Key("1", _natural, reboot=True),
    "SendLocalListMaxLength": _readonly("1000"),
    "StopTransactionOnEVSideDisconnect": Key("true", _boolean),
    "StopTransactionOnInvalidId": Key("true", _boolean),
    "StopTxnAlignedData": Key("", _measurands),
    "StopTxnSampledData": Key("", _measurands),
    "SupportedFeatureProfiles": _readonly(
        "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"
    ),
    "TransactionMessageAttempts": Key("3", _natural),
    "TransactionMessageRetryInterval": Key("10", _natural),
    "UnlockConnectorOnEVSideDisconnect": Key("true", _boolean),
    "WebSocketPingInterval": Key("60", _natural),
}
"""As they leave the factory; shared by all chargers, so that thousands fit into a process."""


def default_keys(settings: SimulatorSettings) -> dict[str, Key]:
    """Return the keys that settings have a say in."""
    interval = str(max(1, round(settings.meter_interval_s)))
    return {
        "MeterValueSampleInterval": Key(interval, _natural),
        "NumberOfConnectors": _readonly(str(settings.connectors)),
    }


@dataclass
class KeyTable:
    """The keys as they are now. They survive a reboot."""

    own: dict[str, Key] = field(default_factory=dict)
    """What differs from KEYS."""

    def find(self, name: str) -> Key | None:
        """Return a key, or None when there is none of that name."""
        return self.own.get(name) or KEYS.get(name)

    def _key(self, name: str) -> Key:
        return self.own.get(name) or KEYS[name]

    def seconds(self, name: str) -> int:
        """Return the value of a numeric key that exists."""
        return int(self._key(name).value)

    def flag(self, name: str) -> bool:
        """Return the value of a boolean key that exists."""
        return self._key(name).value.lower() == "true"

    def measurands(self, name: str) -> tuple[str, ...]:
        """Return the value of a list key that exists."""
        return tuple(part.strip() for part in self._key(name).value.split(",") if part.strip())

    def change(self, name: str, value: str) -> str:
        """Set a key; return the status of ChangeConfiguration (section 5.3)."""
        key = self.find(name)
        if key is None:
            return "NotSupported"
        if key.readonly or not key.valid(value):
            return "Rejected"
        self.own[name] = replace(key, value=value)
        return "RebootRequired" if key.reboot else "Accepted"

    def listing(self, wanted: list[str]) -> dict[str, object]:
        """Return the answer to GetConfiguration (section 5.8)."""
        names = wanted or sorted({*KEYS, *self.own})
        rows: list[dict[str, object]] = []
        for name in names:
            key = self.find(name)
            if key is not None:
                row: dict[str, object] = {"key": name, "readonly": key.readonly}
                if not key.hidden:
                    row["value"] = key.value
                rows.append(row)
        answer: dict[str, object] = {"configurationKey": rows}
        unknown = [name for name in names if self.find(name) is None]
        if unknown:
            answer["unknownKey"] = unknown
        return answer
