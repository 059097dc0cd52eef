"""Answers that are no data: each venue's maintenance, rate limit and ban, and what proxies and strangers send."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import lru_cache

from gex_pipeline.market.server.answers import HTML, JSON, Answer, Moment, Refused, encode
from gex_pipeline.market.server.bybit import wire as bybit
from gex_pipeline.market.server.deribit import wire as deribit
from gex_pipeline.market.server.faults import Fault
from gex_pipeline.market.server.okx import wire as okx

_ELSEWHERE = "http://elsewhere.invalid/"
_BOMB_BYTES = 64 * 2**20
#: Seconds a client is told to wait unless a fault or a limit knows better.
RETRY_SECONDS = {"rate_limit": 1, "ban": 120}


def _page(status: int, words: str) -> Answer:
    return Answer(status, f"<html><head><title>{words}</title></head><body>{words}</body></html>".encode(), HTML)


def _binance(status: int, code: int, message: str, retry_seconds: int) -> Answer:
    return Answer(status, encode({"code": code, "msg": message}), JSON | {"Retry-After": str(retry_seconds)})


def maintenance(venue: str, moment: Moment) -> Answer:
    """The venue is closed for a while."""
    if venue == "deribit":
        return deribit.error_answer(moment, {}, Refused(400, code=11051, message="system_maintenance"))
    if venue == "bybit":
        return bybit.envelope(moment, 10016, "Server error. The service is restarting.", b"{}")
    if venue == "okx":
        return okx.error_answer(okx.refuse(503, "50001", "Service temporarily unavailable. Please try again later"))
    return Answer(503, encode({"code": -1016, "msg": "This service is no longer available."}), JSON)


def rate_limit(venue: str, moment: Moment, retry_seconds: int) -> Answer:
    """Too many requests, in the venue's own way."""
    if venue == "deribit":
        return deribit.error_answer(moment, {}, Refused(429, code=10028, message="too_many_requests"))
    if venue == "bybit":
        reset = str(moment.now_ms + 1_000 * retry_seconds)
        limits = {"X-Bapi-Limit": "50", "X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": reset}
        plain = bybit.envelope(moment, 10006, "Too many visits!", b"{}")
        return Answer(plain.status, plain.body, {**plain.headers, **limits})
    if venue == "okx":
        return okx.error_answer(okx.refuse(429, "50011", "Too Many Requests"))
    return _binance(429, -1003, "Too many requests; please use the websocket for live updates.", retry_seconds)


def ban(venue: str, moment: Moment, retry_seconds: int) -> Answer:
    """The address is shut out."""
    if venue == "bybit":
        return Answer(403, b"403, access too frequent", {"Content-Type": "text/plain"})
    if venue == "binance":
        until = moment.now_ms + 1_000 * retry_seconds
        return _binance(418, -1003, f"Way too many requests; IP banned until {until}.", retry_seconds)
    return _page(403, "403 Forbidden")


@lru_cache(maxsize=4)
def _bomb(n_bytes: int) -> Answer:
    """A small body that unpacks to many spaces."""
    return Answer(200, gzip.compress(b" " * n_bytes, 1, mtime=0), JSON | {"Content-Encoding": "gzip"})


def _retry(fault: Fault) -> int:
    return int(fault.number(RETRY_SECONDS[fault.kind]))


_BY_KIND: dict[str, Callable[[Fault, Moment], Answer]] = {
    "http_status": lambda fault, _: _page(int(fault.number(502)), f"{int(fault.number(502))} from the gateway"),
    "html_200": lambda *_: _page(200, "Checking your browser"),
    "maintenance": lambda fault, moment: maintenance(fault.venue, moment),
    "rate_limit": lambda fault, moment: rate_limit(fault.venue, moment, _retry(fault)),
    "ban": lambda fault, moment: ban(fault.venue, moment, _retry(fault)),
    "redirect": lambda fault, _: Answer(302, b"", {"Location": str(fault.value or _ELSEWHERE)}),
    "gzip_bomb": lambda fault, _: _bomb(int(fault.number(_BOMB_BYTES))),
}


def instead(fault: Fault, moment: Moment) -> Answer:
    """The answer a fault of ``faults.ANSWERS`` puts in place of the venue's."""
    return _BY_KIND[fault.kind](fault, moment)
