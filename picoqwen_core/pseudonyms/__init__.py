"""Pseudonyms of a home's names: what another server is told instead, and back. Limits: docs/hybrid.md."""
