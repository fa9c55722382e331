"""Says the requests of tests/home_requests to a real Home Assistant and judges what changes."""
