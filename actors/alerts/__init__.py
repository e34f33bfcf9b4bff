"""Alerts: what rules say of what is seen, told once, again when nobody cares, and when over."""
