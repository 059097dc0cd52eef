"""The four exchanges' public REST interfaces -> rows of `chain`, each venue in a folder of its own.

Every folder has the same three files: client.py (which requests make a snapshot, and what an answer means for the next
one; no socket), wire.py (the fields of the answers) and normalize.py (answers -> rows; pure); OKX, which says much
twice, has checks.py besides. Sockets are opened in http.py alone. Nothing here writes to the warehouse.
"""
