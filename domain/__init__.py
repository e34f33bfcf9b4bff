"""The vocabulary: what chargers report, what is kept, what is asked of a charger.

Nothing here imports anything of ours and nothing does I/O. Instants are integers, microseconds
since 1970-01-01 UTC, in fields that end in `_us`; energy is watt-hours in fields that end in `_wh`.

Contents:
    ids        names of things (chargers, tokens, transactions, commands)
    reports    what a charger says, in words that no OCPP version owns
    answers    what we say back
    events     what is kept for ever, in the past tense
    commands   what we ask of a charger, and how it ended
    records    what a gateway must know to let a charger in and to authorize a driver
    known      what the ledger knows of a charger when it connects
    text       cleaning of text that came from outside
    errors     the tree of our errors
"""
