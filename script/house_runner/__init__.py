"""Starts and drives the demo house: the server, a real Home Assistant, and conversations with it."""
