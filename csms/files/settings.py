"""Limits of files for chargers and from them."""

from pydantic import BaseModel, ConfigDict, Field


class FilesSettings(BaseModel):
    """Firmware that chargers fetch and logs that they send."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_url: str = Field(
        default="",
        description="How chargers reach the api process, such as https://csms.example.com; "
        "empty: where it listens. Chargers behind another network need it.",
    )
    firmware_bytes_max: int = Field(
        default=512 * 1024 * 1024,
        ge=1_024,
        description="Largest firmware image; more is answered with 413.",
    )
    upload_bytes_max: int = Field(
        default=64 * 1024 * 1024,
        ge=1_024,
        description="Largest log of a charger; more is answered with 413 and nothing is kept.",
    )
    fetch_s: int = Field(
        default=7 * 86_400,
        ge=60,
        description="How long a charger may fetch its firmware after it was told, seconds.",
    )
    upload_s: int = Field(
        default=86_400, ge=60, description="How long an upload is awaited, seconds."
    )
    uploads_waiting_max: int = Field(
        default=8, ge=1, description="Uploads awaited of one charger; more are answered with 409."
    )
