"""What each role may do, from domain.access, and what each route needs, from csms.api.rules."""

from csms.api.rules import RULES, Reach
from docs.pages.tables import table
from domain.access import MEANINGS, ROLES, Role

HEAD = """\
# Permissions

Made from `ROLES` in `domain/access.py` and `RULES` in `csms/api/rules.py` by
`python -m docs.generate`; edit those.

A user or an API key has one role, one tenant, and, if wanted, a list of sites. Whoever is of the
tenant `default` belongs to the installation and sees all tenants. Whoever is limited to sites sees
of chargers, transactions, messages, commands and meter values only what is at one of them. All else
does not exist for them: 404, and absent from lists. Identities of chargers, tokens and sites are
unique in the whole installation, so a name that is taken is refused to everybody.

## Roles
"""
ROUTES = """
## Routes

A new route needs a row in `RULES`; without one the application does not start.

| reach | whose things |
|---|---|
| sites | of the caller's tenant and sites |
| tenant | of the caller's tenant; refused (403) to who is limited to sites |
| installation | everybody's; refused (403) to who is limited to a tenant or to sites |
| own | the caller's own; any role |
| open | nobody has to be signed in |
"""


def page() -> str:
    """Return the page as Markdown."""
    head = ("permission", *(str(role) for role in Role), "what it allows")
    rows = (
        (
            f"`{permission}`",
            *("yes" if permission in ROLES[role] else "" for role in Role),
            meaning,
        )
        for permission, meaning in MEANINGS.items()
    )
    routes = (
        (
            f"`{rule.method} {rule.path}`",
            f"`{rule.permission}`" if rule.permission else "",
            str(Reach(rule.reach)),
        )
        for rule in sorted(RULES, key=lambda rule: (rule.path, rule.method))
    )
    parts = [HEAD, *table(head, rows), ROUTES, *table(("route", "permission", "reach"), routes), ""]
    return "\n".join(parts)
