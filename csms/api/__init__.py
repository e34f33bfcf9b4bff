"""The REST interface: `process.run(ctx)` is its process."""
