"""Limits of operations on the security of chargers."""

from pydantic import BaseModel, ConfigDict, Field


class SecuritySettings(BaseModel):
    """Rotation of keys, upgrade of profiles, installation of roots."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    call_s: float = Field(
        default=30.0,
        gt=0,
        description="Deadline of each call to the charger; what it did then is not known.",
    )
    key_unknown_s: int = Field(
        default=86_400,
        ge=60,
        description="How long old and new key are both valid when nobody knows which one the "
        "charger has. Then the old one alone is, and an error is logged.",
    )
    expiry_look_s: float = Field(
        default=30.0, gt=0, description="How often it is looked whether that time is over."
    )
    root_chars_max: int = Field(
        default=5_500,
        ge=500,
        description="Size of a root in PEM, as the specification has it; a longer one is refused.",
    )
