"""Deribit: two option books per major coin, inverse and USDC, through JSON-RPC over GET."""
