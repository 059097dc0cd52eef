"""The four exchanges' public REST interfaces -> rows of `chain`, each venue in a folder of its own.

Every folder has the same three files: client.py (which requests make a snapshot, and what an answer means for the next
one; no socket), wire.py (the fields of the answers) and normalize.py (answers -> rows; pure); Binance, whose rows are
made of many answers, has join.py besides, and OKX, which says much twice, checks.py. Sockets are opened in http.py
alone. Nothing here writes to the warehouse.

Around the chain: every folder has an around.py, which puts together the walks of candles.py, perpetuals.py and the
files of settlements and trades; feeds.py says what a walk is, and bars.py, tape.py and money.py what all rows share.
"""
