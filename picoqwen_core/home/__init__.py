"""The compact home prompt of the built-in model: candidates, rendering, parsing, replies."""
