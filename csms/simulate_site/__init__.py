"""`csms simulate-site`: what a site's policy would have done, in virtual time.

sessions     who was plugged in when and wanted how much: the type, and synthetic ones
read         sessions from a CSV in ACN-Data's columns, and from ClickHouse
car          how a car draws: its own limit, and less towards the end
run          the days in virtual time, through the same code that a site's actor runs
report       what came of it: a table, JSON, and a plot as SVG
"""
