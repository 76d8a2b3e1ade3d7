"""The log: its port, its adapters, and the snapshots beside it."""
