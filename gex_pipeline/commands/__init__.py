"""The bodies of the `gex` commands, one module per family, loaded when a command runs.

Belongs here: turning typed words into arguments, one call of the engine or the store, and printing. Not: work itself.
They are apart from `cli.py` for two reasons: together they would be one file of 700 lines, and `gex --help` must not
read them. `cli.py` names them as text and imports only `arguments`, which is light.
"""
