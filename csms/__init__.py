"""The application: command line, configuration, process tree, gateways, API, simulator."""
