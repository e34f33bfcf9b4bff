"""The sockets: who is let in, what comes over the wire, and who answers it.

settings     every limit of a gateway
identity     the charger's identity out of a request path
refusals     why a connection is not let in, and what is said to whom
attempts     limits on failed attempts and takeovers
admission    the decision over one handshake
directory    the records of chargers and tokens, in memory
numbers      transaction numbers out of leased blocks
connection   bytes and WebSocket: sans-I/O websockets on an asyncio.Protocol
offset       how far a charger's clock is ahead
line         OCPP on one connection: session, actor, journal
takeover     at most one connection owns a charger
activation   asks the ledger what it knows, for hundreds of chargers at once
gateway      all connections of one process
process      `run(ctx)`: the gateway as a process of the node
"""
