"""Benchmarks: one file each, run by script/bench NAME; each prints a table, and JSON when asked."""
