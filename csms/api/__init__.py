"""REST, metrics and health.

A new route needs three things, and the application does not start without the first:

1. a row in `RULES` (`csms.api.rules`): its permission (`domain.access`) and its reach;
2. a handler that leaves out what is not the caller's (`csms.api.tenancy`): `check_charger`,
   `check_site` or `check_tenant` for one thing, `row_filters` for lists;
3. a line in `tests/csms/api/test_every_route.py`, which asks every route as another tenant, from
   another site and in every role.

Permissions are checked before the handler runs; only one that depends on the body is asked for
there, with `csms.api.auth.require`.
"""
