"""How fast and how small the product is, measured: `python -m benchmarks --help`."""
