"""Virtual chargers of OCPP 2.0.1 and 2.1: what they say differently, what they obey."""
