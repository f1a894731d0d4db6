"""Public identifiers: each function returns the canonical form or raises InvalidIdentifier with the reason.

Check digits follow the standards (ISO 6166, CGS, LSE, OMG FIGI, ISO 17442); the fast checks of ISIN, CUSIP and FIGI here
are proved equal to python-stdnum by the tests. Addresses follow EIP-55 and base58.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache

from catalog.errors import InvalidIdentifier

# Prefixes that ISO 6166 uses and ISO 3166 does not know: supranational issues, and countries that are gone.
ISIN_EXTRA_PREFIXES = frozenset(
    ["AN", "CS", "DD", "EU", "EZ", "QS", "QT", "SU", "XA", "XB", "XC", "XD", "XF", "XK", "XS", "YU"]
)
# Currencies that ISO 4217 withdrew and that old listings still name.
WITHDRAWN_CURRENCIES = frozenset(
    [
        "ADP",
        "AFA",
        "ALK",
        "AOK",
        "AON",
        "AOR",
        "ARA",
        "ARP",
        "ARY",
        "ATS",
        "AYM",
        "AZM",
        "BAD",
        "BEC",
        "BEF",
        "BEL",
        "BGJ",
        "BGK",
        "BGL",
        "BOP",
        "BRB",
        "BRC",
        "BRE",
        "BRN",
        "BRR",
        "BUK",
        "BYB",
        "BYR",
        "CHC",
        "CSD",
        "CSJ",
        "CSK",
        "CUC",
        "CYP",
        "DDM",
        "DEM",
        "ECS",
        "ECV",
        "EEK",
        "ESA",
        "ESB",
        "ESP",
        "FIM",
        "FRF",
        "GEK",
        "GHC",
        "GHP",
        "GNE",
        "GNS",
        "GQE",
        "GRD",
        "GWE",
        "GWP",
        "HRD",
        "HRK",
        "IEP",
        "ILP",
        "ILR",
        "ISJ",
        "ITL",
        "LAJ",
        "LSM",
        "LTL",
        "LTT",
        "LUC",
        "LUF",
        "LUL",
        "LVL",
        "LVR",
        "MGF",
        "MLF",
        "MRO",
        "MTL",
        "MTP",
        "MVQ",
        "MXP",
        "MZE",
        "MZM",
        "NIC",
        "NLG",
        "PEH",
        "PEI",
        "PES",
        "PLZ",
        "PTE",
        "RHD",
        "ROK",
        "ROL",
        "RUR",
        "SDD",
        "SDP",
        "SIT",
        "SKK",
        "SLL",
        "SRG",
        "STD",
        "SUR",
        "TJR",
        "TMM",
        "TPE",
        "TRL",
        "UAK",
        "UGS",
        "UGW",
        "USS",
        "UYN",
        "UYP",
        "VEB",
        "VEF",
        "VNC",
        "XEU",
        "XFO",
        "XFU",
        "XRE",
        "YDD",
        "YUD",
        "YUM",
        "YUN",
        "ZAL",
        "ZMK",
        "ZRN",
        "ZRZ",
        "ZWC",
        "ZWD",
        "ZWL",
        "ZWN",
        "ZWR",
        "ANG",
        "BGN",
    ]
)

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_CUSIP = re.compile(r"[A-Z0-9*@#]{8}[0-9]")
_FIGI = re.compile(r"(?!BS|BM|GG|GB|GH|KY|VG)[B-DF-HJ-NP-TV-Z]{2}G[B-DF-HJ-NP-TV-Z0-9]{8}[0-9]")
_SEDOL = re.compile(r"[B-DF-HJ-NP-TV-Z0-9]{6}[0-9]")
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
_MIC = re.compile(r"[A-Z0-9]{4}")
_SLUG = re.compile(r"[a-z0-9_]{1,64}")
_EVM = re.compile(r"0x[0-9a-fA-F]{40}")
_POOL_ID = re.compile(r"0x[0-9a-f]{64}")
_SOLANA = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_CAIP2 = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}")
_TOKEN_ID = re.compile(r"0|[1-9][0-9]{0,77}")
_VALUES = {c: n for n, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#")}
_DIGITS = {c: str(n) for c, n in _VALUES.items()}
# What a character adds to a check sum, once and doubled: the digits of its value.
_ONCE = {c: n // 10 + n % 10 for c, n in _VALUES.items()}
_DOUBLED = {c: 2 * n // 10 + 2 * n % 10 for c, n in _VALUES.items()}


def isin(value: str) -> str:
    """An ISIN (ISO 6166): prefix, nine characters, Luhn check digit over the digits that letters expand to."""
    if not _ISIN.fullmatch(value):
        raise InvalidIdentifier("ISIN", value, "two letters, nine letters or digits and a check digit are expected")
    if value[:2] not in isin_prefixes():
        raise InvalidIdentifier("ISIN", value, f"`{value[:2]}` is neither a country nor an international prefix")
    if value[11] != isin_check_digit(value[:11]):
        if _FIGI.fullmatch(value):  # `BB` is Barbados too, so the form alone does not tell
            raise InvalidIdentifier("ISIN", value, "this is a FIGI", "put it into the field figi")
        raise InvalidIdentifier("ISIN", value, f"the check digit should be {isin_check_digit(value[:11])}")
    return value


def isin_check_digit(body: str) -> str:
    """The check digit of an ISIN's first eleven characters: letters become two digits, doubling starts at the end."""
    digits = "".join([_DIGITS[c] for c in body])
    return str(-(sum([_ONCE[d] for d in digits[-2::-2]]) + sum([_DOUBLED[d] for d in digits[::-2]])) % 10)


@cache
def isin_prefixes() -> frozenset[str]:
    """Every prefix an ISIN may have: ISO 3166 countries and `ISIN_EXTRA_PREFIXES`."""
    return countries() | ISIN_EXTRA_PREFIXES


@cache
def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2 codes in force."""
    import pycountry

    return frozenset(c.alpha_2 for c in pycountry.countries)


@cache
def currencies() -> frozenset[str]:
    """ISO 4217 codes, in force or withdrawn."""
    import pycountry

    return frozenset(c.alpha_3 for c in pycountry.currencies) | WITHDRAWN_CURRENCIES


def country(value: str) -> str:
    """An ISO 3166-1 alpha-2 country code in force."""
    if value not in countries():
        raise InvalidIdentifier("country", value, "not an ISO 3166 alpha-2 code")
    return value


def currency(value: str) -> str:
    """An ISO 4217 code, in force or withdrawn."""
    if value not in currencies():
        raise InvalidIdentifier("currency", value, "not an ISO 4217 code")
    return value


def cusip(value: str) -> str:
    """A CUSIP or CINS (CGS): eight characters and a modulus 10 double-add-double check digit."""
    if not _CUSIP.fullmatch(value):
        raise InvalidIdentifier("CUSIP", value, "eight characters and a check digit are expected")
    if value[8] != cusip_check_digit(value[:8]):
        raise InvalidIdentifier("CUSIP", value, f"the check digit should be {cusip_check_digit(value[:8])}")
    return value


def cusip_check_digit(body: str) -> str:
    """The check digit of a CUSIP's first eight characters, or of a FIGI's first eleven."""
    return str(-(sum([_ONCE[c] for c in body[::2]]) + sum([_DOUBLED[c] for c in body[1::2]])) % 10)


def figi(value: str) -> str:
    """A FIGI (OMG): any of its three levels, with the standard's check digit."""
    if not _FIGI.fullmatch(value) or value[11] != cusip_check_digit(value[:11]):
        raise InvalidIdentifier("FIGI", value, "not a FIGI, or its check digit is wrong")
    return value


@lru_cache(maxsize=16_384)
def sedol(value: str) -> str:
    """A SEDOL (London Stock Exchange) with its check digit."""
    from stdnum.gb import sedol as standard

    if not _SEDOL.fullmatch(value) or not standard.is_valid(value):
        raise InvalidIdentifier("SEDOL", value, "not a SEDOL, or its check digit is wrong")
    return value


@lru_cache(maxsize=16_384)
def lei(value: str) -> str:
    """An LEI (ISO 17442): twenty characters, ISO 7064 mod 97-10."""
    from stdnum import lei as standard

    if not _LEI.fullmatch(value) or not standard.is_valid(value):
        raise InvalidIdentifier("LEI", value, "not an LEI, or its check digits are wrong")
    return value


def mic(value: str) -> str:
    """A Market Identifier Code (ISO 10383) by its form; whether ISO knows it is asked where a venue is made of it."""
    if not _MIC.fullmatch(value):
        raise InvalidIdentifier("MIC", value, "four capital letters or digits are expected")
    return value


def slug(value: str) -> str:
    """Our name of an exchange or broker: `[a-z0-9_]`, at most 64."""
    if not _SLUG.fullmatch(value):
        raise InvalidIdentifier("slug", value, "lower-case letters, digits and `_` are expected, at most 64")
    return value


@lru_cache(maxsize=1024)
def caip2(value: str) -> str:
    """A CAIP-2 blockchain of a namespace that we can normalise addresses of (`eip155`, `solana`)."""
    if not _CAIP2.fullmatch(value):
        raise InvalidIdentifier("blockchain", value, "a CAIP-2 name such as `eip155:1` is expected")
    namespace, _, reference = value.partition(":")
    if namespace not in NORMALISERS:
        raise InvalidIdentifier("blockchain", value, f"addresses of the namespace `{namespace}` cannot be normalised")
    if namespace == "eip155" and (not reference.isdigit() or reference[0] == "0"):
        raise InvalidIdentifier("blockchain", value, "an EVM chain id is a number without leading zeros")
    return value


def address(blockchain: str, value: str) -> str:
    """The normal form of a contract or mint address on `blockchain` (a CAIP-2 name)."""
    normalise = NORMALISERS[blockchain.partition(":")[0]]
    return normalise(value)


def evm_address(value: str) -> str:
    """`0x` and 40 lower-case hex digits; mixed case must carry a right EIP-55 checksum."""
    if not _EVM.fullmatch(value):
        raise InvalidIdentifier("address", value, "`0x` and 40 hex digits are expected")
    digits = value[2:]
    if not (digits.islower() or digits.isdigit()) and not digits.isupper():
        from eth_utils.address import is_checksum_address

        if not is_checksum_address(value):
            raise InvalidIdentifier(
                "address", value, "its mixed case is not the EIP-55 checksum", "check it, or write it in lower case"
            )
    return value.lower()


@lru_cache(maxsize=16_384)
def solana_address(value: str) -> str:
    """Base58 of exactly 32 bytes, case-sensitive, as it is."""
    if _SOLANA.fullmatch(value):
        import base58

        if len(base58.b58decode(value)) == 32:
            return value
    raise InvalidIdentifier("address", value, "base58 of 32 bytes is expected")


def pool_id(value: str) -> str:
    """`0x` and 64 lower-case hex digits: a pool inside a singleton contract."""
    if not _POOL_ID.fullmatch(value):
        raise InvalidIdentifier("pool id", value, "`0x` and 64 lower-case hex digits are expected")
    return value


def token_id(value: str) -> str:
    """A token's number inside its contract, decimal (below 2^256)."""
    if not _TOKEN_ID.fullmatch(value) or int(value) >= 1 << 256:
        raise InvalidIdentifier("token id", value, "a decimal number below 2^256 is expected")
    return value


NORMALISERS: dict[str, Callable[[str], str]] = {"eip155": evm_address, "solana": solana_address}
