"""Virtual chargers: a pure machine that behaves, and a driver that connects many of them."""
