"""Flows that come with the server, one file each; orchestrator.py has the table of them."""
