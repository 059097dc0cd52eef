"""The rules, one file each: what is claimed, how it is tested and, where it makes sense, traded."""
