"""One file per command: HELP, add_arguments(parser), run(arguments).

All are imported for --help, so what is heavy is imported by `run`.
"""
