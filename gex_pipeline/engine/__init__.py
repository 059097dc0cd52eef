"""Units of work on a warehouse and the ways to run many of them: in this process or in a pool.

The same task function runs from the command line, a process pool and an orchestrator.
"""
