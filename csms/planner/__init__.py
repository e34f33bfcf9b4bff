"""The planning tier: a day ahead for each site, as a process of its own.

settings      whether, how often, for how long its word holds
build         a site's plan from what is known of it; pure
history       what loads were on the days before, from the analytical store
process       asks, plans, tells the owners of sites
"""
