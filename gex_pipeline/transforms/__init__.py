"""Frame in, frame out: one file per derived table, named as the table. No files, no clock.

`contracts` and `book` prepare a chain once for all of them; `derive` lists what is derived.
"""
