"""The ledger: journals into the relational store, and the relational store to the gateways.

Contents:
    settings      its limits
    follower      one actor per journal: reads it into the store, in its own pace
    activation    "what do we know of these chargers", many questions in one
    feed          tells gateways what has changed
    snapshot      the copy on disk for gateways that start while the database is away
"""
