"""The tables of `finance-database`: which code is which market, what its vendor appends, what it trades in.

The exchange codes and suffixes are those of the vendor behind the file (Yahoo Finance); a market's MIC is ISO 10383's.
"""

from __future__ import annotations

import re

#: Exchange code → what the vendor appends to the exchange's own ticker; empty for the United States, where it
#: appends nothing. A symbol without its exchange's suffix is of another market than its row says.
SUFFIXES: dict[str, str] = {
    "AMS": ".AS", "AQS": ".AQ", "ASX": ".AX", "ATH": ".AT", "BER": ".BE", "BRU": ".BR", "BSE": ".BO", "BUD": ".BD",
    "BUE": ".BA", "CAI": ".CA", "CCS": ".CR", "CNQ": ".CN", "CPH": ".CO", "CSE": ".CM", "DOH": ".QA", "DUS": ".DU",
    "EBS": ".SW", "ENX": ".NX", "FKA": ".F", "FRA": ".F", "GER": ".DE", "HAM": ".HM", "HAN": ".HA", "HEL": ".HE",
    "HKG": ".HK", "ICE": ".IC", "IOB": ".IL", "ISE": ".IR", "IST": ".IS", "JKT": ".JK", "JNB": ".JO", "JPX": ".T",
    "KLS": ".KL", "KOE": ".KQ", "KSC": ".KS", "LIS": ".LS", "LIT": ".VS", "LSE": ".L", "MCE": ".MC", "MCX": ".ME",
    "MEX": ".MX", "MIL": ".MI", "MUN": ".MU", "NEO": ".NE", "NSE": ".NS", "NSI": ".NS", "NZE": ".NZ", "OSL": ".OL",
    "PAR": ".PA", "PRA": ".PR", "RIS": ".RG", "SAO": ".SA", "SAP": ".S", "SAT": ".ST", "SAU": ".SR", "SES": ".SI",
    "SET": ".BK", "SGO": ".SN", "SHH": ".SS", "SHZ": ".SZ", "STO": ".ST", "STU": ".SG", "TAI": ".TW", "TAL": ".TL",
    "TLO": ".TI", "TLV": ".TA", "TOR": ".TO", "TWO": ".TWO", "VAN": ".V", "VIE": ".VI", "WSE": ".WA",
    "ASE": "", "BTS": "", "NAE": "", "NCM": "", "NGM": "", "NMS": "", "NYQ": "", "NYS": "", "OBB": "", "OEM": "",
    "OID": "", "OQB": "", "OQX": "", "PCX": "", "PNK": "",
}  # fmt: skip

#: Exchange code → MIC, for the codes that the file leaves without one and that can only mean one market.
MICS: dict[str, str] = {"SAT": "XSAT", "TLO": "ETLX"}

#: MIC → the one currency in which the market trades shares: used where a row states none.
SINGLE_CURRENCIES: dict[str, str] = {
    "ARCX": "USD", "BATS": "USD", "OTCM": "USD", "XASE": "USD", "XNAS": "USD", "XNYS": "USD",
    "ASEX": "EUR", "XETR": "EUR", "XHEL": "EUR", "XMAD": "EUR", "XMIL": "EUR", "XWBO": "EUR",
    "BVMF": "BRL", "DSMD": "QAR", "XASX": "AUD", "XBKK": "THB", "XIDX": "IDR", "XJSE": "ZAR", "XMEX": "MXN",
    "XSAU": "SAR", "XTAE": "ILS", "XBOM": "INR", "XNSE": "INR", "XKOS": "KRW", "XKRX": "KRW", "ROCO": "TWD",
    "XTAI": "TWD", "XFKA": "JPY", "XJPX": "JPY", "XSAP": "JPY", "XTKS": "JPY",
}  # fmt: skip

#: What the file calls a country and ISO 3166 calls otherwise.
COUNTRIES: dict[str, str] = {
    "Falkland Islands": "FK",
    "Ivory Coast": "CI",
    "Macau": "MO",
    "Macedonia": "MK",
    "Russia": "RU",
    "Turkey": "TR",
}

_UNITED_STATES = frozenset(code for code, suffix in SUFFIXES.items() if not suffix)
_LONDON = frozenset({"LSE"})
_CANADA = frozenset({"CNQ", "NEO", "TOR", "VAN"})
_CLASS = re.compile(r"([A-Z]+)[-/]([A-OQ-Z])")
# A preferred share (`-PA`, `-PFA`), a warrant, right or debenture of a series (`-WTB`), a class in dollars (`-AU`).
_CANADIAN_TAIL = re.compile(
    r"-(?:P(?P<preferred>F?)(?P<series>[A-Z])|(?P<kind>WT|WS|WR|RT|DB)(?P<of>[A-Z])|(?P<share>[AB])U)$"
)


def local_ticker(exchange: str, ticker: str) -> str:
    """The exchange's own spelling of a ticker whose suffix is gone: the vendor writes `-` or `/` for its `.`.

    In the United States and London a single letter behind is a share class (`BRK/B` is BRK.B), except `-P`, a
    preferred share. Canadian exchanges put a dot before every part (`AIM-PA` is AIM.PR.A, `AP-UN` is AP.UN). Other
    markets' tickers stay as they are: there the hyphen may be the exchange's own.
    """
    if exchange in _CANADA:
        return _CANADIAN_TAIL.sub(_canadian_parts, ticker).replace("-", ".")
    if exchange in _UNITED_STATES or exchange in _LONDON:
        match = _CLASS.fullmatch(ticker)
        return f"{match[1]}.{match[2]}" if match else ticker
    return ticker


def _canadian_parts(match: re.Match[str]) -> str:
    if match["series"]:
        return f".{'PF' if match['preferred'] else 'PR'}.{match['series']}"
    return f".{match['kind']}.{match['of']}" if match["kind"] else f".{match['share']}.U"
