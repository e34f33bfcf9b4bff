"""A load test product in Locust: virtual chargers and REST users, stories, verdicts, accounts.

Importing locust patches the standard library for gevent: nothing outside of this package does it.
"""
