"""OKX: a coin-margined and a USD-margined family of options per coin, joined from six endpoints."""
