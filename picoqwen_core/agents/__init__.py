"""Agents: tools that the server runs, the loop that lets a model use them, and flows. Loaded when enabled."""
