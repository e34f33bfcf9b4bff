"""How actors live: processes, supervision, the actor runtime, links, clocks, logs."""
