"""One story a file: `locust -f loadtests/stories/ramp.py`."""
