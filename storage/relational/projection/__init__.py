"""What the relational store keeps of each kind of event; one subject a module.

batch         what a batch of entries comes down to, before anything is written
chargers      boots, connections, statuses, progress, enrolment, proved security
transactions  starts, stops, readings of meters
commands      how commands ended and what followed
device        variables, what monitors noticed, other notices
logs          tables that only grow, and their trimming

A module has its rows of the table of folds, `FOLDS`, and writes what it has folded.
"""
