"""What models of chargers do that the specification does not say.

catalogue.toml   the models: data, a table each
catalogue        reads it, finds the model of a charger
sightings        which known oddity a flag of a message stands for

Their numbers (Q1 to Q54) are those of tests/conformance.
"""
