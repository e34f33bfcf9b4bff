"""One charger, for as long as one of its connections lives.

settings       every limit of a charger's actor
messages       what its mailbox takes
effects        what its machine may ask of the world
state          what it remembers
machine        handle(state, message, now_us) -> effects: the table of handlers
boot           BootNotification, heartbeats, what the ledger knew
authorization  tokens
transactions   start, meter, stop, and what may have been lost between them
notices        status, firmware, diagnostics, log, security, vendor messages
outbox         commands: the queue, the open one, what followed
shell          the Thespian actor that runs the effects
"""
