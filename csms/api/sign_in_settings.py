"""Settings of signing in and of sessions."""

from pydantic import BaseModel, ConfigDict, Field


class SignInSettings(BaseModel):
    """How people sign in to the pages, and how long they stay."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session_s: float = Field(
        default=43_200.0,
        gt=0,
        description="A session ends after so long, whatever is done; then one signs in again.",
    )
    session_idle_s: float = Field(
        default=7_200.0,
        gt=0,
        description="A session ends after so long without a request. An open page asks by itself.",
    )
    session_seen_s: float = Field(
        default=60.0,
        gt=0,
        description="The store is told this often that a session is in use.",
    )
    session_cache_s: float = Field(
        default=5.0,
        ge=0,
        description="Sessions are looked up this often: as long may one work that the command "
        "line has ended. What is done over REST counts at once.",
    )
    session_cache_max: int = Field(
        default=5_000, ge=1, description="Sessions remembered between look-ups; the oldest goes."
    )
    sessions_per_user_max: int = Field(
        default=20, ge=1, description="Sessions of one user or key; the oldest one is ended."
    )
    link_s: float = Field(
        default=86_400.0,
        gt=0,
        description="A one-time link is void after so long, and once it was used.",
    )
    password_chars_min: int = Field(
        default=12, ge=8, le=64, description="Shortest password of a user; shorter: 422."
    )
    failures_burst: int = Field(
        default=5,
        ge=1,
        description="Failed sign-ins of a name from one address before each further attempt has "
        "to wait twice as long as the one before (429).",
    )
    failures_per_name_burst: int = Field(
        default=20,
        ge=1,
        description="The same for a name from all addresses, but for those from which its owner "
        "has signed in before.",
    )
    failures_per_address_burst: int = Field(
        default=50,
        ge=1,
        description="The same for an address and all names, but for those that have signed in "
        "from there before.",
    )
    lockout_s_max: float = Field(
        default=300.0, gt=0, description="The longest wait after failed sign-ins."
    )
    failures_kept_max: int = Field(
        default=10_000,
        ge=1,
        description="Names, addresses and pairs of them that are remembered, each; the oldest "
        "is forgotten.",
    )
    checks_max: int = Field(
        default=2,
        ge=1,
        description="Passwords that are checked at a time; each takes 64 MiB and tens of "
        "milliseconds of a core.",
    )
    checks_waiting_max: int = Field(
        default=32, ge=0, description="Sign-ins that wait for their check; more get 503."
    )
