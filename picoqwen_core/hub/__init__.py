"""Fetching models from a hub that speaks Hugging Face's HTTP interface."""
