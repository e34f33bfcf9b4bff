"""A site: who may draw how much.

Pure: no clock, no random source, no I/O; instants are handed in.

    settings      every habit, with its unit
    tree          a site's model, validated and prepared for sharing
    limits        what each circuit carries now: rating, schedule, loads that nobody manages
    phases        which phases a car draws from, learned from measurement
    wanted        how much a car would draw, learned from measurement
    machine       handle(state, message, now) -> effects
    learning      what a measurement says of car and charger
    answers       what became of an order; the next way to tell a limit
    decision      the site is shared out anew, and shown
    orders        who is told what
    ceilings      what each EVSE may draw at worst
    allocation    `allocate`: the limits of all EVSEs at once
    places        the places of a site as columns
    entrants      what each car wants, and what its place makes possible
    policies      as tables: who comes first, how parts grow
    sharing       the ways of giving out what a site carries
    filling       progressive filling over rows of the tree
    sweep         the part of it that goes from one event to the next
    narrowing     leaves out the rows of the tree that cannot bind
    counts        which EVSEs count in which rows, for sums over arrays: paths, crews
    plan/         the day ahead as a linear program
"""
