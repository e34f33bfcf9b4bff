"""The relational store: SQLite by default, PostgreSQL in production, the same code for both.

Contents:
    settings       where the store is, and the limits of what is kept
    engine         opens a store by URL; short transactions; errors that mean "away"
    tables         every table and column
    migrations     how a store becomes the one in `tables`
    revisions      the numbers of the change feed
    credentials    how passwords and API keys are kept and checked
    registry       what operators write: chargers, tokens, sites
    api_keys       keys of programs
    tenants        whose everything is, and who is disabled
    tags           words by which operators find chargers
    feed           the change feed for gateways
    projector      journal entries to rows, idempotent
    transactions   the part of the projector that knows starts, stops and aliases
    known          what is known of a charger when it connects
    leases         blocks of transaction numbers
    reservations   what became of each reservation, and pages of them
    reads          pages for REST and the dashboard
    cursors        where a page has ended, in one word
"""
