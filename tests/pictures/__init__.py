"""The pictures of Home Assistant in the documentation, taken anew: script/take-pictures."""
