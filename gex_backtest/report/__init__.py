"""A run as one page that opens offline, and its pictures: a run and its history in, bytes out. No I/O."""
