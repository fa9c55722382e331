"""The first rung of the ladder: sentences that Home Assistant's own templates match, with the live names."""
