"""Limits of jobs and alerts."""

from pydantic import BaseModel, ConfigDict, Field


class OperationsSettings(BaseModel):
    """Jobs, alerts and their deliveries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nice: int = Field(default=5, ge=0, le=19, description="Added to the process's niceness.")
    job_tick_ms: int = Field(
        default=100, ge=10, description="How often a running job is looked at, in milliseconds."
    )
    job_idle_ms: int = Field(
        default=1_000,
        ge=10,
        description="How often one looks for jobs while none runs; new ones are told at once.",
    )
    job_chargers_max: int = Field(
        default=100_000, ge=1, description="Chargers of one job; more are answered with 422."
    )
    job_unknown_s: float = Field(
        default=10.0,
        ge=0,
        description="A command whose outcome nobody told so long after its deadline is unknown.",
    )
    alert_every_s: float = Field(
        default=5.0, gt=0, description="How often the rules of alerts are looked at."
    )
    alert_subjects_max: int = Field(
        default=1_000,
        ge=1,
        description="Subjects of one rule that can have an alert at once; more are left out.",
    )
    smtp_host: str = Field(default="", description="Server that takes e-mail; empty: none is sent.")
    smtp_port: int = Field(default=587, ge=1, le=65_535, description="Its TCP port.")
    smtp_tls: str = Field(
        default="starttls",
        pattern="^(none|starttls|tls)$",
        description="none, starttls, or tls from the first byte.",
    )
    smtp_user: str = Field(default="", description="Name to sign in with; empty: without.")
    smtp_password: str = Field(default="", description="Password to sign in with.")
    smtp_from: str = Field(default="csms@localhost", description="Address that e-mail comes from.")
    page_url: str = Field(
        default="",
        pattern="^(https?://[^\\s?#]+)?$",
        description="How readers of e-mail reach the pages, up to /ui; empty: e-mail has no link.",
    )
    webhook_private: tuple[str, ...] = Field(
        default=(),
        description="CIDRs of private or local addresses that webhooks may reach; others than "
        "public addresses are refused.",
    )
    delivery_s: float = Field(default=10.0, gt=0, description="Longest attempt of a delivery.")
    delivery_attempts_max: int = Field(
        default=12, ge=1, description="Attempts before a delivery is given up."
    )
    delivery_backoff_s: float = Field(
        default=5.0, gt=0, description="Pause after the first failed attempt; doubles."
    )
    delivery_backoff_s_max: float = Field(
        default=3_600.0, gt=0, description="Longest pause between attempts."
    )
    delivery_tasks_max: int = Field(
        default=8, ge=1, description="Deliveries that are attempted at once."
    )
    deliveries_kept_max: int = Field(
        default=100_000, ge=100, description="Deliveries in the log; the oldest are deleted."
    )
