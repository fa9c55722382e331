"""Facts of the machine, read from Linux: processor, cores, caches, limits, memory bandwidth. No decisions."""
