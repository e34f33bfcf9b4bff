"""The day ahead: how much each EVSE should draw in each slot. Extra `[planning]`.

The plan decides nothing by itself. Its current slot goes into `Demand.plan_a`, and allocation keeps
every limit whether the plan is right, old or missing.

    settings     slot, horizon, and what energy that is missing costs
    problem      what is known: cars, prices, limits of the slots
    program      the linear program and its solution (needs highspy)
    forecast     what PV and unmanaged loads will do: as at the same time on days before
"""
