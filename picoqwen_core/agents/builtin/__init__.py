"""Tools that come with the server, one file each; the table of them stands in agents/registry.py."""
