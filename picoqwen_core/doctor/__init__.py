"""What is wrong with a set-up, in plain words: one file for each thing that is looked at."""
