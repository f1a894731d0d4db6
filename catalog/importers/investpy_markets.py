"""The tables of `investpy-stocks` and `investpy-etfs`: which market their countries and exchanges are, and its currencies.

The files name countries and exchanges as their vendor (Investing.com) does. MICs are ISO 10383's; where a market has
junior segments, they count as the market, as they do in `finance-database`.
"""

from __future__ import annotations

#: Country → MIC, where the shares of a country are listed on one exchange.
COUNTRIES: dict[str, str] = {
    "argentina": "XBUE", "australia": "XASX", "austria": "XWBO", "bahrain": "XBAH", "belgium": "XBRU", "botswana": "XBOT",
    "brazil": "BVMF", "bulgaria": "XBUL", "chile": "XSGO", "colombia": "XBOG", "costa rica": "XBNV", "croatia": "XZAG",
    "cyprus": "XCYS", "czech republic": "XPRA", "denmark": "XCSE", "egypt": "XCAI", "finland": "XHEL", "france": "XPAR",
    "greece": "ASEX", "hong kong": "XHKG", "hungary": "XBUD", "iceland": "XICE", "indonesia": "XIDX", "iraq": "XIQS",
    "ireland": "XDUB", "israel": "XTAE", "italy": "XMIL", "ivory coast": "XBRV", "jamaica": "XJAM", "jordan": "XAMM",
    "kazakhstan": "XKAZ", "kenya": "XNAI", "kuwait": "XKUW", "lebanon": "XBEY", "luxembourg": "XLUX", "malawi": "XMSW",
    "malaysia": "XKLS", "malta": "XMAL", "mauritius": "XMAU", "mexico": "XMEX", "mongolia": "XULA", "montenegro": "XMNX",
    "morocco": "XCAS", "namibia": "XNAM", "netherlands": "XAMS", "new zealand": "XNZE", "nigeria": "XNSA",
    "norway": "XOSL", "oman": "XMUS", "pakistan": "XKAR", "palestine": "XPAE", "peru": "XLIM", "philippines": "XPHS",
    "poland": "XWAR", "portugal": "XLIS", "qatar": "DSMD", "romania": "XBSE", "russia": "MISX", "rwanda": "RSEX",
    "saudi arabia": "XSAU", "serbia": "XBEL", "singapore": "XSES", "slovakia": "XBRA", "slovenia": "XLJU",
    "south africa": "XJSE", "spain": "XMAD", "sri lanka": "XCOL", "switzerland": "XSWX", "tanzania": "XDAR",
    "thailand": "XBKK", "tunisia": "XTUN", "turkey": "XIST", "uganda": "XUGA", "united kingdom": "XLON",
    "venezuela": "BVCA", "zambia": "XLUS", "zimbabwe": "XZIM",
}  # fmt: skip

#: Countries whose shares are listed on several exchanges: the file does not say on which.
SEVERAL: dict[str, str] = {
    "bangladesh": "Dhaka, Chittagong",
    "bosnia": "Sarajevo, Banja Luka",
    "canada": "Toronto, TSX Venture, CSE, NEO",
    "china": "Shanghai, Shenzhen, Beijing",
    "dubai": "Dubai Financial Market, Nasdaq Dubai, Abu Dhabi",
    "germany": "Xetra, Frankfurt, six regional exchanges",
    "india": "BSE, NSE",
    "japan": "Tokyo, Nagoya, Fukuoka, Sapporo",
    "south korea": "KOSPI, KOSDAQ, KONEX",
    "sweden": "Nasdaq Stockholm, NGM, Spotlight",
    "taiwan": "TWSE, Taipei Exchange",
    "ukraine": "PFTS, Ukrainian Exchange",
    "united states": "Nasdaq, NYSE, NYSE American, NYSE Arca, Cboe, OTC",
    "vietnam": "Ho Chi Minh City, Hanoi",
}

#: How the codes of the Chinese exchanges begin: they divide six digits among them.
CHINESE_CODES: dict[str, str] = {
    "60": "XSHG", "68": "XSHG", "90": "XSHG", "00": "XSHE", "20": "XSHE", "30": "XSHE",
}  # fmt: skip

#: (Country, exchange) → MIC.
EXCHANGES: dict[tuple[str, str], str] = {
    ("australia", "Sydney"): "XASX", ("austria", "Vienna"): "XWBO", ("belgium", "Brussels"): "XBRU",
    ("brazil", "BM&FBovespa"): "BVMF", ("bulgaria", "Sofia"): "XBUL", ("canada", "NEO"): "NEOE",
    ("canada", "Toronto"): "XTSE", ("china", "Shanghai"): "XSHG", ("china", "Shenzhen"): "XSHE",
    ("colombia", "Colombia"): "XBOG", ("denmark", "Copenhagen"): "XCSE", ("egypt", "Egypt"): "XCAI",
    ("finland", "Helsinki"): "XHEL", ("france", "Paris"): "XPAR", ("germany", "Berlin"): "XBER",
    ("germany", "Dusseldorf"): "XDUS", ("germany", "Frankfurt"): "XFRA", ("germany", "Hamburg"): "XHAM",
    ("germany", "Munich"): "XMUN", ("germany", "Stuttgart"): "XSTU", ("germany", "TradeGate"): "XGAT",
    ("germany", "Xetra"): "XETR", ("greece", "Athens"): "ASEX", ("hong kong", "Hong Kong"): "XHKG",
    ("hungary", "Budapest"): "XBUD", ("iceland", "Iceland"): "XICE", ("india", "BSE"): "XBOM", ("india", "NSE"): "XNSE",
    ("indonesia", "Jakarta"): "XIDX", ("ireland", "Ireland"): "XDUB", ("israel", "Tel Aviv"): "XTAE",
    ("italy", "Milan"): "XMIL", ("japan", "Tokyo"): "XTKS", ("malaysia", "Kuala Lumpur"): "XKLS",
    ("mexico", "Mexico"): "XMEX", ("netherlands", "Amsterdam"): "XAMS", ("new zealand", "New Zealand"): "XNZE",
    ("nigeria", "Lagos"): "XNSA", ("norway", "Oslo"): "XOSL", ("peru", "Lima"): "XLIM", ("poland", "Warsaw"): "XWAR",
    ("portugal", "Lisbon"): "XLIS", ("qatar", "Doha"): "DSMD", ("romania", "Bucharest"): "XBSE",
    ("russia", "Moscow"): "MISX", ("saudi arabia", "Saudi Arabia"): "XSAU", ("singapore", "Singapore"): "XSES",
    ("south africa", "Johannesburg"): "XJSE", ("south korea", "Seoul"): "XKRX", ("spain", "Madrid"): "XMAD",
    ("sweden", "Stockholm"): "XSTO", ("switzerland", "Switzerland"): "XSWX", ("taiwan", "TPEX"): "ROCO",
    ("taiwan", "Taiwan"): "XTAI", ("thailand", "Thailand"): "XBKK", ("turkey", "Istanbul"): "XIST",
    ("united kingdom", "London"): "XLON", ("united states", "NASDAQ"): "XNAS", ("united states", "NYSE Arca"): "ARCX",
    ("united states", "OTC Markets"): "OTCM", ("vietnam", "Ho Chi Minh"): "XSTC",
}  # fmt: skip

#: (Country, exchange) whose name covers several markets, with which.
SEVERAL_EXCHANGES: dict[tuple[str, str], str] = {
    ("united states", "NYSE"): "NYSE, NYSE Arca, NYSE American, Cboe BZX",
}

#: (Country, exchange) that is no market on which a fund has its line, with why.
NO_HOMES: dict[tuple[str, str], str] = {
    ("brazil", "SOMA"): "an over-the-counter market that is gone (its MIC has expired)",
    ("euro zone", "BATS Europe"): "it trades lines that are listed elsewhere",
}

#: MIC → the currencies in which shares and funds trade there.
CURRENCIES: dict[str, str] = {
    "ARCX": "USD", "ASEX": "EUR", "BVCA": "VES", "BVMF": "BRL", "DSMD": "QAR", "MISX": "EUR RUB USD", "NEOE": "CAD USD",
    "OTCM": "USD", "ROCO": "CNY TWD USD", "RSEX": "RWF", "XAMM": "JOD", "XAMS": "EUR USD", "XASX": "AUD", "XBAH": "BHD USD",
    "XBEL": "RSD",
    "XBER": "EUR", "XBEY": "LBP USD", "XBKK": "THB", "XBNV": "CRC USD", "XBOG": "COP", "XBOM": "INR", "XBOT": "BWP",
    "XBRA": "EUR", "XBRU": "EUR USD", "XBRV": "XOF", "XBSE": "RON", "XBUD": "EUR HUF", "XBUE": "ARS USD", "XBUL": "BGN EUR",
    "XCAI": "EGP USD", "XCAS": "MAD", "XCOL": "LKR", "XCSE": "DKK EUR", "XCYS": "EUR", "XDAR": "TZS", "XDUB": "EUR GBP USD",
    "XDUS": "EUR", "XETR": "EUR GBP USD", "XFRA": "EUR USD", "XGAT": "EUR USD", "XHAM": "EUR", "XHEL": "EUR USD",
    "XHKG": "CNY HKD USD", "XICE": "ISK", "XIDX": "IDR", "XIQS": "IQD", "XIST": "TRY", "XJAM": "JMD USD", "XJSE": "USD ZAR",
    "XKAR": "PKR", "XKAZ": "KZT USD", "XKLS": "MYR USD", "XKRX": "KRW", "XKUW": "KWD", "XLIM": "PEN USD", "XLIS": "EUR",
    "XLJU": "EUR", "XLON": "AUD CAD CHF EUR GBP HKD JPY SEK USD", "XLUS": "ZMW", "XLUX": "EUR GBP USD", "XMAD": "EUR",
    "XMAL": "EUR GBP USD", "XMAU": "EUR GBP MUR USD", "XMEX": "MXN", "XMIL": "EUR USD", "XMNX": "EUR", "XMSW": "MWK",
    "XMUN": "EUR USD", "XMUS": "OMR", "XNAI": "KES", "XNAM": "NAD ZAR", "XNAS": "USD", "XNSA": "NGN", "XNSE": "INR",
    "XNZE": "AUD NZD", "XOSL": "NOK", "XPAE": "JOD USD", "XPAR": "EUR GBP JPY USD", "XPHS": "PHP USD", "XPRA": "CZK EUR",
    "XSAU": "SAR", "XSES": "AUD CNY EUR GBP HKD JPY SGD USD", "XSGO": "CLP USD", "XSHE": "CNY HKD", "XSHG": "CNY USD",
    "XSTC": "VND", "XSTO": "EUR NOK SEK", "XSTU": "EUR USD",
    "XSWX": "AUD CAD CHF DKK EUR GBP JPY NOK NZD SEK SGD USD", "XTAE": "ILS", "XTAI": "CNY TWD USD", "XTKS": "JPY",
    "XTSE": "CAD USD", "XTUN": "TND", "XUGA": "UGX", "XULA": "MNT", "XWAR": "EUR PLN", "XWBO": "EUR", "XZAG": "EUR HRK",
    "XZIM": "USD ZWD ZWL",
}  # fmt: skip

#: The markets whose own tickers the vendor writes. Elsewhere its symbol is its own (the Reuters root: LVMH for MC).
OWN_TICKERS = frozenset(
    {
        "ARCX", "BVCA", "BVMF", "DSMD", "MISX", "OTCM", "ROCO", "XASX", "XBKK", "XBUE", "XHEL", "XHKG",
        "XIDX", "XIST", "XKRX", "XMEX", "XNAS", "XNZE", "XSAU", "XSHE", "XSHG", "XTAE", "XTAI",
        "XTKS", "XTSE",
    }
)  # fmt: skip
