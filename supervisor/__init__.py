"""How actors live: processes, supervision, the actor runtime, links, clocks, logs.

Contents:
    asyncio_base    AsyncioBase: thousands of Thespian actors in one event loop
    address         addresses of actors: of this loop, of an ask, of elsewhere
    actor_errors    what can go wrong with an actor, as its callers see it
    actor_events    what AsyncioBase reports while it runs
    loopback        Thespian's sockets listen on loopback only
    signing         Thespian's frames are signed; harden() applies both patches
    child           one row of the process tree
    strategy        the supervisor's rules, pure
    node            NodeSupervisor: restarts, pings and kills the processes of a node
    process         LoopProcess: a Thespian process whose work is a coroutine in a uvloop thread
    boot            starts the tree, watches it, drains it, sweeps what a dead one left
    sweep           finds what a tree left behind, and kills it
    status          the table of children, for whoever wants to know
    kernel          what the Linux kernel is asked for
    links           ask and tell between processes, over unix sockets
    link_frames     bytes to frames and back, for the links
    refs            references to actors near and far
    clock           the time that is handed in, and a fake one
    telemetry       typed events and counters
    logs            JSON lines, own handlers in every process
"""
