"""Every table of the relational store.

Instants are `_us`: microseconds since 1970-01-01 UTC in a BIGINT, as everywhere in this project.
What is projected from journals carries no foreign keys: a fact is kept even when the record that
it speaks of is missing, late or deleted. Ids of projected rows follow from their content or their
place in a journal, so projecting twice gives the same rows.
"""

from storage.relational.tables.base import metadata
from storage.relational.tables.device import (
    device_notices,
    notices,
    template_runs,
    templates,
    variables,
)
from storage.relational.tables.files import file_links, files
from storage.relational.tables.housekeeping import journal_positions, leases, quarantine
from storage.relational.tables.identity import (
    audit,
    idempotency_keys,
    sign_in_links,
    sign_ins,
    users,
)
from storage.relational.tables.lists import local_lists
from storage.relational.tables.logs import (
    certificate_requests,
    charger_certificates,
    data_transfers,
    dismissals,
    refusals,
    security_events,
)
from storage.relational.tables.monitors import monitoring, monitors
from storage.relational.tables.operations import (
    alert_channels,
    alert_rules,
    alert_silences,
    alerts,
    charger_tags,
    deliveries,
    job_items,
    jobs,
    outage_exclusions,
)
from storage.relational.tables.records import (
    api_keys,
    chargers,
    counters,
    site_models,
    sites,
    tenants,
    tokens,
)
from storage.relational.tables.reported import (
    charger_states,
    commands,
    connectors,
    evse_limits,
    progress_reports,
)
from storage.relational.tables.reservations import reservations
from storage.relational.tables.sessions import transaction_aliases, transaction_stops, transactions

__all__ = [
    "alert_channels",
    "alert_rules",
    "alert_silences",
    "alerts",
    "api_keys",
    "audit",
    "certificate_requests",
    "charger_certificates",
    "charger_states",
    "charger_tags",
    "chargers",
    "commands",
    "connectors",
    "counters",
    "data_transfers",
    "deliveries",
    "device_notices",
    "dismissals",
    "evse_limits",
    "file_links",
    "files",
    "idempotency_keys",
    "job_items",
    "jobs",
    "journal_positions",
    "leases",
    "local_lists",
    "metadata",
    "monitoring",
    "monitors",
    "notices",
    "outage_exclusions",
    "progress_reports",
    "quarantine",
    "refusals",
    "reservations",
    "security_events",
    "sign_in_links",
    "sign_ins",
    "site_models",
    "sites",
    "template_runs",
    "templates",
    "tenants",
    "tokens",
    "transaction_aliases",
    "transaction_stops",
    "transactions",
    "users",
    "variables",
]
