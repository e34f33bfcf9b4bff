"""OCPP-J, sans I/O: text in, events and text out. No sockets, clocks, threads or random numbers.

Contents:
    errors     the codes of CALLERROR by meaning, and our own exceptions
    dialect    what differs between 1.6, 2.0.1 and 2.1 below the meaning of messages
    frames     the five frames (CALL ... SEND), and what each fault of a frame means
    codec      text to frames and back: limits, repairs, cleaning
    events     what a session reports
    limits     the settings of a session
    session    one connection's RPC state, for either role
    version    the row types of a version's tables
    versions   the tables, by WebSocket subprotocol
    schemas    validation into flags
    common     messages that are the same in every version
    sampling   words of sampled values that all versions share
    words      enumerations in whatever spelling
    v16        OCPP 1.6, a module a chapter
    v201       OCPP 2.0.1, a module a functional block
    v21        OCPP 2.1: the rows of 2.0.1, and what is new
"""
