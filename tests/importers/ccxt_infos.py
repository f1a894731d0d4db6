"""What exchanges say of one market each, written after the examples in ccxt's classes: `info` for its parsers.

DIGITS is a number that a float cannot hold: whoever has it in the end has read it from here.
"""

from __future__ import annotations

from typing import Any

DIGITS = "0.100000000000000006"

#: (ccxt's id, info, what the record says of it).
MARKETS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "whitebit",
        {"name": "BTC_PERP", "stock": "BTC", "money": "USDT", "stockPrec": "3", "moneyPrec": "1", "makerFee": "0.01",
         "takerFee": "0.055", "minAmount": DIGITS, "minTotal": "5.05", "tradesEnabled": True, "type": "futures"},
        {"record": "future", "symbol": "BTC_PERP", "tick_size": "0.1", "lot_size": "0.001", "min_quantity": DIGITS,
         "min_notional": "5.05", "maker_fee_bps": "1", "taker_fee_bps": "5.5", "status": "active", "is_inverse": False},
    ),
    (
        "btcmarkets",
        {"marketId": "BTC-AUD", "baseAssetName": "BTC", "quoteAssetName": "AUD", "minOrderAmount": DIGITS,
         "maxOrderAmount": "1000000", "amountDecimals": "8", "priceDecimals": "2", "status": "Offline"},
        {"record": "pair", "symbol": "BTC-AUD", "tick_size": "0.01", "lot_size": "0.00000001", "min_quantity": DIGITS,
         "max_quantity": "1000000"},
    ),
    (
        "blofin",
        {"instId": "BTC-USDT", "baseCurrency": "BTC", "quoteCurrency": "USDT", "contractValue": "0.001",
         "listTime": "1638345600000", "expireTime": "1838345600000", "minSize": DIGITS, "lotSize": "0.1",
         "tickSize": "0.5", "instType": "SWAP", "contractType": "linear", "maxLimitSize": "100000", "state": "live"},
        {"record": "future", "symbol": "BTC-USDT", "tick_size": "0.5", "lot_size": "0.1", "min_quantity": DIGITS,
         "contract_multiplier": "0.001", "max_quantity": "100000", "first_trading_date": "2021-12-01"},
    ),
    (
        "onetrading",
        {"type": "SPOT", "id": "BTC_EUR", "base": {"code": "BTC"}, "quote": {"code": "EUR"}, "state": "ACTIVE",
         "amount_precision": "5", "market_precision": "2", "min_size": DIGITS},
        {"record": "pair", "symbol": "BTC_EUR", "tick_size": "0.01", "lot_size": "0.00001", "min_notional": DIGITS},
    ),
    (
        "coinbaseinternational",
        {"instrument_id": "1", "instrument_name": "BTC-PERP", "kind": "future", "settlement_period": "perpetual",
         "base_currency": "BTC", "counter_currency": "USDC", "settlement_currency": "USDC", "min_trade_amount": DIGITS,
         "tick_size": "0.1", "is_active": True, "contract_size": "1", "taker_commission": "0.0004",
         "maker_commission": "0.0002", "creation_timestamp": "1692000000000"},
        {"record": "future", "symbol": "BTC-PERP", "lot_size": DIGITS, "min_quantity": DIGITS, "maker_fee_bps": "2"},
    ),
    (
        "woo",
        {"symbol": "PERP_ETH_USDT", "status": "TRADING", "baseMin": DIGITS, "baseMax": "1000", "baseTick": "0.001",
         "quoteMin": "0", "quoteMax": "100000", "quoteTick": "0.01", "minNotional": "10"},
        {"record": "future", "symbol": "PERP_ETH_USDT", "tick_size": "0.01", "min_quantity": DIGITS, "min_price": "0",
         "max_price": "100000", "min_notional": "10"},
    ),
    (
        "foxbit",
        {"symbol": "btcbrl", "quantity_min": DIGITS, "quantity_increment": "0.00000001", "price_min": "0.0001",
         "price_increment": "0.0001", "base": {"symbol": "btc"}, "quote": {"symbol": "brl"},
         "default_fees": {"maker": "0.001", "taker": "0.002"}},
        {"record": "pair", "symbol": "btcbrl", "tick_size": "0.0001", "min_quantity": DIGITS, "taker_fee_bps": "20"},
    ),
    (
        "hashkey",
        {"symbol": "BTCUSDT-PERPETUAL", "symbolName": "BTCUSDT-PERPETUAL", "status": "TRADING", "underlying": "BTC",
         "baseAsset": "BTCUSDT-PERPETUAL", "quoteAsset": "USDT", "marginToken": "USDT", "inverse": False,
         "contractMultiplier": "0.001",
         "filters": [{"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "100000.00", "tickSize": "0.1"},
                     {"filterType": "LOT_SIZE", "minQty": DIGITS, "maxQty": "10", "stepSize": "0.001"}]},
        {"record": "future", "symbol": "BTCUSDT-PERPETUAL", "lot_size": "1", "min_quantity": "100.000000000000006",
         "max_quantity": "10000", "contract_multiplier": "0.001"},
    ),
    (
        "bitvavo",
        {"market": "ADA-EUR", "status": "trading", "base": "ADA", "quote": "EUR", "pricePrecision": "5",
         "minOrderInBaseAsset": DIGITS, "minOrderInQuoteAsset": "5", "tickSize": "0.00001", "quantityDecimals": "6"},
        {"record": "pair", "symbol": "ADA-EUR", "lot_size": "0.000001", "min_quantity": DIGITS, "min_notional": "5"},
    ),
    (
        "upbit",
        {"market": "KRW-BTC", "korean_name": "비트코인", "english_name": "Bitcoin"},
        {"record": "pair", "symbol": "KRW-BTC", "tick_size": "0.00000001", "maker_fee_bps": "5"},
    ),
    (
        "krakenfutures",
        {"symbol": "FI_XBTUSD_260327", "pair": "XBT:USD", "base": "XBT", "quote": "USD", "type": "futures_inverse",
         "underlying": "rr_xbtusd", "lastTradingTime": "2026-03-27T08:00:00.000Z", "tickSize": DIGITS,
         "contractSize": "1", "tradeable": True, "contractValueTradePrecision": "0", "marginLevels": []},
        {"record": "future", "exchange": "kraken_futures", "symbol": "FI_XBTUSD_260327", "tick_size": DIGITS,
         "last_trading_date": "2026-03-27", "is_inverse": True},
    ),
    (
        "cryptocom",
        {"symbol": "BTC_USDT", "inst_type": "CCY_PAIR", "base_ccy": "BTC", "quote_ccy": "USDT", "quote_decimals": 2,
         "quantity_decimals": 5, "price_tick_size": "0.01", "qty_tick_size": DIGITS, "tradable": True},
        {"record": "pair", "symbol": "BTC_USDT", "tick_size": "0.01", "lot_size": DIGITS, "status": "active"},
    ),
    (
        "delta",
        {"id": 27, "symbol": "BTCUSD", "contract_type": "perpetual_futures", "contract_value": "0.001",
         "tick_size": DIGITS, "state": "live", "trading_status": "operational", "taker_commission_rate": "0.0005",
         "maker_commission_rate": "0.0002", "quoting_asset": {"symbol": "USD"}, "settling_asset": {"symbol": "USD"},
         "underlying_asset": {"symbol": "BTC"}, "product_specs": {}, "notional_type": "vanilla",
         "position_size_limit": "100"},
        {"record": "future", "symbol": "BTCUSD", "tick_size": DIGITS, "contract_multiplier": "0.001"},
    ),
    (
        "hitbtc",
        {"type": "spot", "base_currency": "BTC", "quote_currency": "USDT", "quantity_increment": "0.00001",
         "tick_size": DIGITS, "take_rate": "0.0025", "make_rate": "0.001", "fee_currency": "USDT"},
        {"record": "pair", "symbol": "BTCUSDT", "tick_size": DIGITS, "taker_fee_bps": "25"},
    ),
    (
        "bitso",
        {"book": "btc_mxn", "minimum_price": "500", "maximum_price": "16000000", "minimum_amount": DIGITS,
         "maximum_amount": "500", "minimum_value": "5.00", "maximum_value": "100000000", "tick_size": "10",
         "fees": {"flat_rate": {"maker": "0.500", "taker": "0.650"}, "structure": []}},
        {"record": "pair", "symbol": "btc_mxn", "tick_size": "10", "min_quantity": DIGITS, "maker_fee_bps": "50"},
    ),
    (
        "coinmate",
        {"name": "BTC_EUR", "firstCurrency": "BTC", "secondCurrency": "EUR", "priceDecimals": 2, "lotDecimals": 8,
         "minAmount": DIGITS},
        {"record": "pair", "symbol": "BTC_EUR", "tick_size": "0.01", "min_quantity": DIGITS},
    ),
    (
        "tokocrypto",
        {"type": 1, "symbol": "BTC_USDT", "baseAsset": "BTC", "basePrecision": 8, "quoteAsset": "USDT",
         "quotePrecision": 8, "permissions": ["SPOT"], "spotTradingEnable": 1,
         "filters": [{"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": DIGITS},
                     {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"}]},
        {"record": "pair", "symbol": "BTC_USDT", "tick_size": DIGITS, "lot_size": "0.00001", "max_quantity": "9000"},
    ),
]  # fmt: skip
