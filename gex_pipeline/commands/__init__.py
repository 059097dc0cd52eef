"""The bodies of the `gex` commands, one module per family, loaded when a command runs.

Belongs here: turning typed words into arguments, one call of the engine or the store, and printing. Not: work itself.
`gex --help` must not read these modules: they are named in `cli.py` and imported on use.
"""
