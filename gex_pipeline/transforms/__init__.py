"""Frame in, frame out: one file per derived table, named as the table. No files, no clock.

`book` prepares a chain once for all of them; `sets` says which books (venue sets, scopes) are computed.
"""
