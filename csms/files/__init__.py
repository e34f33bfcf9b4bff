"""Firmware for chargers and logs from them, at addresses that only one charger knows."""
