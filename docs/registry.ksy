meta:
  id: registry
  title: Instrument catalog snapshot, version 1
  file-extension: snap
  license: MIT
  ks-version: "0.11"
  endian: le
  encoding: UTF-8

doc: |
  A snapshot file of the instrument catalog, full or delta, with ids of 64 or 128 bits. `docs/protocol.md` is the
  norm; types and fields have its names here.

  A field that may be null has a type `optional_…`: a byte that says whether something follows, then the same fields
  as the type without `optional_`. What it lacks is null. A field that came with a later format version has nothing at
  all when the payload ends before it, and is null too. Codes get their names from the vocabularies of the same file;
  `-vocabulary` says from which one, and `-kind` of what kind an id is.

  Every payload is a stream of its own. What a later version puts behind the last field is left alone, and messages,
  instruments and indexes of unknown types are passed over.

  Not checked are the two checksums, the order of messages, keys and codes, and rules between fields. Nor are whole
  microseconds in a time and the last digit of a mantissa, since some targets keep numbers of 64 bits in floats.

seq:
  - id: messages
    type: message
    repeat: until
    repeat-until: _.type == message_type::snapshot_end
    doc: All messages, one behind the other.

instances:
  width:
    value: messages[0].payload.as<snapshot>.id_bits / 8
    doc: Bytes of an id where a record names another one.

types:
  # --- the frame ---

  message:
    doc: A header of 32 bytes and its payload.
    seq:
      - id: magic
        type: u4
        valid: "0xdeadbeef"
        doc: Marks the beginning of a message.
      - id: type
        type: u1
        enum: message_type
        valid:
          expr: (_ == message_type::snapshot) == (_io.pos == 5)
        doc: What the payload is. The first message of the file is the snapshot, and no other is.
      - id: version
        type: u1
        valid: 1
        doc: Another one cannot be read.
      - id: flags
        type: u1
        valid: 0
        doc: None are defined.
      - id: reserved
        type: u1
        valid: 0
        doc: Nothing yet.
      - id: payload_size
        type: u4
        valid:
          expr: >-
            type == message_type::snapshot_end ? _ == 432 : (_ <= 1048576 or type == message_type::snapshot_index)
        doc: Bytes behind the header.
      - id: sequence
        type: u8
        doc: Number of the record's last change; in framing messages, of the last change that the file covers.
      - id: timestamp
        type: u8
        doc: Time of that change, nanoseconds since 1970.
      - id: checksum
        type: u4
        doc: CRC-32 of the payload, as in zlib.
      - id: payload
        size: payload_size
        type:
          switch-on: type
          cases:
            message_type::instrument: instrument
            message_type::pool: pool
            message_type::pair: pair
            message_type::broker_contract: broker_contract
            message_type::venue: venue
            message_type::listing: listing
            message_type::security: security
            message_type::event_type: event_type
            message_type::synthetic: synthetic
            message_type::tombstone: tombstone
            message_type::alias: alias
            message_type::vocabulary: vocabulary
            message_type::succession: succession
            message_type::snapshot: snapshot
            message_type::snapshot_index: snapshot_index
            message_type::snapshot_end: snapshot_end
        doc: What the type says; bytes when the type is unknown.

  snapshot:
    doc: What the file holds.
    seq:
      - {id: format_version, type: u2, valid: {min: 1}, doc: Counts additions to the format.}
      - {id: contents, type: u1, enum: contents, valid: {in-enum: true}, doc: "Everything, or only what changed."}
      - {id: id_bits, type: u1, valid: {any-of: [64, 128]}, doc: Width of the ids by which records name each other.}
      - {id: catalog_id, size: 16, doc: Random bytes that tell one catalog from another.}
      - id: base_sequence
        type: u8
        valid:
          expr: (_ == 0) == (contents == contents::full)
        doc: The state that a delta starts from.
      - {id: as_of_sequence, type: u8, doc: The last change that the file covers.}
      - {id: as_of, type: u8, doc: "Time of that change, nanoseconds since 1970."}
      - {id: horizon, type: u8, doc: "Tombstones tell of what was retired after it, nanoseconds since 1970."}
      - {id: num_counts, type: u2, valid: {max: 256}, doc: How many counts follow.}
      - id: counts
        type: count
        repeat: expr
        repeat-expr: num_counts
        doc: How many records of which types there are.
      - {id: schema_revision, type: key, doc: Revision of the database schema that the file was written from.}
      - id: base_as_of
        type: u8
        if: contents == contents::delta
        doc: Time of the change that a delta starts from, nanoseconds since 1970.
  count:
    doc: How many records of one type are in the file.
    seq:
      - {id: message, type: u1, enum: message_type, doc: Their message type.}
      - {id: subtype, type: u1, enum: instrument_type, doc: "Their instrument type, 0 for what is no instrument."}
      - {id: count, type: u8, valid: {min: 1}, doc: How many.}

  vocabulary:
    doc: The names of the codes of one vocabulary in this file.
    seq:
      - {id: name, type: key, doc: Which vocabulary.}
      - {id: num_codes, type: u2, doc: How many codes follow.}
      - id: codes
        type: code
        repeat: expr
        repeat-expr: num_codes
        doc: The codes, ascending.
  code:
    doc: One code and its name.
    seq:
      - {id: code, type: u2, valid: {min: 1}, doc: The number that stands in records.}
      - {id: name, type: key, doc: What it means.}

  snapshot_index:
    doc: A hash table that finds messages by one sort of key, used where it lies.
    seq:
      - {id: code, type: u1, enum: index, doc: Which sort of key.}
      - {id: key_width, type: u1, valid: _root.width, doc: Bytes of a key.}
      - {id: reserved, type: u2, valid: 0, doc: Nothing yet.}
      - {id: num_keys, type: u4, valid: {min: 1}, doc: Different keys.}
      - {id: num_home, type: u4, valid: {expr: _ == 2 * num_keys}, doc: Slots in which a search may begin.}
      - {id: num_slots, type: u4, doc: Slots in all.}
      - id: max_probe
        type: u4
        valid:
          expr: _ >= 1 and num_slots == num_home + _ - 1
        doc: The most slots that a search visits.
      - {id: num_postings, type: u4, doc: Numbers behind the slots.}
      - id: ofs_slots
        type: u8
        valid:
          expr: _ == (head_end + 63) / 64 * 64
        doc: Offset in the file of the first slot.
      - id: padding
        type: u1
        valid: 0
        repeat: expr
        repeat-expr: ofs_slots - head_end
        doc: Zeros, so that slots begin at a multiple of 64.
      - id: slots
        type: slot
        repeat: expr
        repeat-expr: num_slots
        doc: The table, its keys ascending.
      - id: postings
        type: u8
        repeat: expr
        repeat-expr: num_postings
        doc: Lists of offsets in the file, each behind their number.
    instances:
      head_end:
        value: _parent._io.pos - _parent.payload_size + 32
        doc: Offset in the file of what follows the head. It must be asked for before the next message is read.
  slot:
    doc: A place in the table.
    seq:
      - {id: key, size: _root.width, doc: "Of an id or a hash the first bytes, zeros in an empty slot."}
      - id: value
        type: u8
        doc: 0 in an empty slot, else the offset of a message; with bit 63, of a list in the postings.

  snapshot_end:
    doc: Where everything is. It stands at the very end and always has the same size.
    seq:
      - id: sections
        type: u8
        repeat: expr
        repeat-expr: 16
        doc: By message type, the offset of the first record; 0 when there is none.
      - id: indexes
        type: u8
        repeat: expr
        repeat-expr: 32
        doc: By index, the offset of its message; 0 when there is none.
      - {id: num_messages, type: u8, doc: "All messages of the file, this one included."}
      - {id: file_size, type: u8, valid: _root._io.size, doc: Bytes of the file.}
      - {id: digest, size: 32, doc: BLAKE3 of all bytes before this message.}

  alias:
    doc: An instrument id of the past, and the instrument that answers to it.
    seq:
      - {id: id, size: 16, -kind: instrument, doc: The id of the past.}
      - {id: kind, type: u1, enum: kind, valid: kind::instrument, doc: Only instruments have aliases.}
      - {id: target, type: optional_ref, -kind: instrument, doc: The instrument of today; null while it is disputed.}
      - {id: len_identity, type: u2, doc: Bytes of the identity.}
      - {id: identity, size: len_identity, type: identity, doc: What the id is the hash of.}
  identity:
    doc: The texts that an id is the hash of.
    seq:
      - {id: parts, type: identity_part, repeat: eos, doc: "In order, the name of the rule first."}
  identity_part:
    doc: One text of an identity.
    seq:
      - {id: len, type: u4, doc: Bytes of the text.}
      - {id: value, type: str, size: len, doc: "The text, empty for null."}

  succession:
    doc: One record follows another.
    seq:
      - id: kind
        type: u1
        enum: kind
        valid:
          expr: _.to_i >= 1 and _.to_i <= 7
        doc: Of what kind both are.
      - {id: predecessor, size: _root.width, doc: What was there before.}
      - {id: successor, size: _root.width, doc: What is there instead.}
      - {id: succession_kind, type: code8, -vocabulary: succession_kind, doc: Why.}
      - {id: ratio, type: optional_decimal, doc: Units of the successor for one of the predecessor.}
      - {id: effective_at, type: time, doc: From when on.}
      - {id: is_in_effect, type: bool, doc: "Whether it has happened, and was applied."}

  tombstone:
    doc: A record that was here and is no more.
    seq:
      - {id: kind, type: u1, enum: kind, doc: Of what kind it was.}
      - {id: record_message, type: u1, enum: message_type, doc: Its message type.}
      - {id: record_subtype, type: u1, enum: instrument_type, doc: "Its instrument type, 0 for what is no instrument."}
      - {id: id, size: _root.width, doc: Its id; of a listing the hash of its key.}

  # --- the records ---

  instrument:
    doc: A record whose type stands behind its id.
    seq:
      - id: record
        size-eos: true
        type:
          switch-on: instrument_type
          cases:
            instrument_type::token: token
            instrument_type::stock: stock
            instrument_type::etf: etf
            instrument_type::future: future
            instrument_type::option: option
            instrument_type::currency: currency
            instrument_type::asset: asset
            instrument_type::native: native
        doc: The record; bytes when the type is unknown.
    instances:
      instrument_type:
        pos: 16
        type: u1
        enum: instrument_type
        doc: The same byte as in the record.

  security:
    doc: What an ISIN names, wherever it trades.
    seq:
      - {id: id, size: 16, -kind: security, doc: Its id.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: isin, type: key, doc: ISO 6166.}
      - {id: cusip, type: optional_key, doc: "CUSIP, with its check digit."}
      - {id: share_class_figi, type: optional_key, doc: FIGI of the share class.}
      - {id: name, type: optional_text, doc: Name of the issue.}
      - {id: issuer_lei, type: optional_key, doc: "LEI of the issuer, ISO 17442."}
      - {id: cfi, type: optional_key, doc: "Classification, ISO 10962."}
      - {id: sector, type: optional_text, doc: "Sector, in words."}
      - {id: country, type: optional_key, doc: ISO 3166 alpha-2.}

  venue:
    doc: A market, a crypto exchange or a broker.
    seq:
      - {id: id, size: 16, -kind: venue, doc: Its id.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: mic, type: optional_key, doc: ISO 10383; either this or slug is there.}
      - {id: slug, type: optional_key, doc: Our name for a venue without a MIC.}
      - {id: name, type: optional_text, doc: Name for people.}
      - {id: venue_type, type: optional_code8, -vocabulary: venue_type, doc: What sort of venue.}
      - {id: operating_mic, type: optional_key, doc: MIC of the operator.}
      - {id: country, type: optional_key, doc: ISO 3166 alpha-2.}
      - {id: city, type: optional_text, doc: City.}
      - {id: timezone, type: optional_text, doc: IANA name of the zone that times of day are in.}
      - {id: website, type: optional_text, doc: URL.}
      - {id: lei, type: optional_key, doc: "LEI, ISO 17442."}
      - {id: session_open, type: optional_clock, doc: Opening of the regular session.}
      - {id: session_close, type: optional_clock, doc: "Its end; before the opening, on the next day."}
      - {id: clearing_house, type: optional_text, doc: Who clears its trades.}
      - id: contract_types
        type: optional_keys
        valid: {expr: _.presence == 0 or _.count <= 64}
        doc: What it trades, in its own words.
      - id: exercise_styles
        type: optional_keys
        valid: {expr: _.presence == 0 or _.count <= 64}
        doc: How its options are exercised, in its own words.
      - id: blockchains
        type: optional_keys
        valid: {expr: _.presence == 0 or _.count <= 64}
        doc: Chains it settles on, CAIP-2.

  token:
    doc: A token of a contract on a blockchain.
    seq:
      - {id: id, size: 16, -kind: instrument, doc: Its id.}
      - {id: instrument_type, type: u1, enum: instrument_type, doc: Always token.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: blockchain, type: code16, -vocabulary: blockchain, doc: The chain it lives on.}
      - {id: address, type: key, doc: "Contract, in the chain's normal form."}
      - {id: token_id, type: optional_key, doc: Decimal number of one token of a contract that has many.}
      - {id: symbol, type: optional_key, doc: "Symbol, not unique."}
      - {id: name, type: optional_text, doc: Name for people.}
      - {id: decimals, type: optional_u8, doc: Decimal places of the unit.}
      - {id: token_standard, type: optional_code8, -vocabulary: token_standard, doc: Interface of the contract.}

  native:
    doc: The coin of a blockchain, at no contract.
    seq:
      - {id: id, size: 16, -kind: instrument, doc: Its id.}
      - {id: instrument_type, type: u1, enum: instrument_type, doc: Always native.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: blockchain, type: code16, -vocabulary: blockchain, doc: The chain it lives on.}
      - {id: symbol, type: optional_key, doc: "Symbol, not unique."}
      - {id: name, type: optional_text, doc: Name for people.}
      - {id: decimals, type: optional_u8, doc: Decimal places of the unit.}

  asset:
    doc: What a crypto exchange keeps accounts in, under its own code.
    seq:
      - {id: id, size: 16, -kind: instrument, doc: Its id.}
      - {id: instrument_type, type: u1, enum: instrument_type, doc: Always asset.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: exchange, type: key, doc: Slug of the exchange.}
      - {id: symbol, type: key, doc: "The exchange's code for it."}
      - {id: generation, type: optional_key, doc: Which later holder of the code; null for the first one.}
      - {id: name, type: optional_text, doc: Name for people.}
      - {id: decimals, type: optional_u8, doc: Decimal places of the unit.}
      - {id: delist_at, type: optional_time, doc: End of trading.}

  currency:
    doc: A currency of ISO 4217.
    seq:
      - {id: id, size: 16, -kind: instrument, doc: Its id.}
      - {id: instrument_type, type: u1, enum: instrument_type, doc: Always currency.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: iso_code, type: key, doc: ISO 4217 code.}
      - {id: name, type: optional_text, doc: Name for people.}
      - {id: numeric_code, type: optional_key, doc: Its three digits.}
      - {id: decimals, type: optional_u8, doc: Decimal places of the minor unit.}
      - {id: country, type: optional_key, doc: ISO 3166 alpha-2.}

  stock:
    doc: A line of a stock on one market, in one currency.
    seq:
      - {id: id, size: 16, -kind: instrument, doc: Its id.}
      - {id: instrument_type, type: u1, enum: instrument_type, doc: Always stock.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: mic, type: key, doc: "Market, ISO 10383."}
      - {id: segment_mic, type: optional_key, doc: "Tier of the market, ISO 10383."}
      - {id: isin, type: optional_key, doc: ISO 6166.}
      - {id: ticker, type: optional_key, doc: "The market's own code."}
      - {id: currency, type: key, doc: "Major unit of the price, ISO 4217."}
      - {id: price_unit, type: optional_key, doc: "Hundredth of the currency that prices are in, such as GBX."}
      - {id: line, type: optional_key, doc: Which of several lines with one ISIN.}
      - {id: generation, type: optional_key, doc: Which later holder of the code; null for the first one.}
      - {id: name, type: optional_text, doc: Name for people.}
      - {id: cusip, type: optional_key, doc: "CUSIP, with its check digit."}
      - {id: figi, type: optional_key, doc: FIGI of this line.}
      - {id: composite_figi, type: optional_key, doc: "FIGI of the country's composite."}
      - {id: share_class_figi, type: optional_key, doc: FIGI of the share class.}
      - {id: sedol, type: optional_key, doc: SEDOL.}
      - {id: sector, type: optional_text, doc: "Sector, in words."}
      - {id: industry, type: optional_text, doc: "Industry, in words."}
      - {id: country, type: optional_key, doc: ISO 3166 alpha-2.}
      - {id: delist_at, type: optional_time, doc: End of trading.}

  etf:
    doc: A line of an exchange-traded fund on one market, in one currency.
    seq:
      - {id: id, size: 16, -kind: instrument, doc: Its id.}
      - {id: instrument_type, type: u1, enum: instrument_type, doc: Always etf.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: mic, type: key, doc: "Market, ISO 10383."}
      - {id: segment_mic, type: optional_key, doc: "Tier of the market, ISO 10383."}
      - {id: isin, type: optional_key, doc: ISO 6166.}
      - {id: ticker, type: optional_key, doc: "The market's own code."}
      - {id: currency, type: key, doc: "Major unit of the price, ISO 4217."}
      - {id: price_unit, type: optional_key, doc: "Hundredth of the currency that prices are in, such as GBX."}
      - {id: line, type: optional_key, doc: Which of several lines with one ISIN.}
      - {id: generation, type: optional_key, doc: Which later holder of the code; null for the first one.}
      - {id: name, type: optional_text, doc: Name for people.}
      - {id: cusip, type: optional_key, doc: "CUSIP, with its check digit."}
      - {id: figi, type: optional_key, doc: FIGI of this line.}
      - {id: composite_figi, type: optional_key, doc: "FIGI of the country's composite."}
      - {id: share_class_figi, type: optional_key, doc: FIGI of the share class.}
      - {id: sedol, type: optional_key, doc: SEDOL.}
      - {id: sector, type: optional_text, doc: "Sector, in words."}
      - {id: industry, type: optional_text, doc: "Industry, in words."}
      - {id: country, type: optional_key, doc: ISO 3166 alpha-2.}
      - {id: delist_at, type: optional_time, doc: End of trading.}
      - {id: underlying_index, type: optional_text, doc: The index that it follows.}
      - {id: expense_ratio, type: optional_decimal, doc: "Yearly cost, as a fraction."}

  listing:
    doc: An instrument on a venue under a local symbol. It has no id.
    seq:
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: instrument_id, size: _root.width, -kind: instrument, doc: What trades.}
      - {id: venue_id, size: _root.width, -kind: venue, doc: Where it trades.}
      - {id: symbol, type: optional_key, doc: Its symbol there.}
      - {id: currency, type: optional_key, doc: ISO 4217.}
      - {id: tick_size, type: optional_decimal, doc: Price step.}
      - {id: lot_size, type: optional_decimal, doc: Quantity step.}
      - {id: delist_at, type: optional_time, doc: End of trading.}

  pair:
    doc: A spot market of a crypto exchange.
    seq:
      - {id: id, size: 16, -kind: pair, doc: Its id.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: base_id, size: _root.width, -kind: instrument, doc: What sizes are in.}
      - {id: quote_id, size: _root.width, -kind: instrument, doc: What prices are in.}
      - {id: exchange, type: key, doc: Slug of the exchange.}
      - {id: market_kind, type: code8, -vocabulary: market_kind, doc: Spot.}
      - {id: symbol, type: key, doc: "The exchange's symbol."}
      - {id: generation, type: optional_key, doc: Which later holder of the code; null for the first one.}
      - {id: tick_size, type: optional_decimal, doc: Price step.}
      - {id: lot_size, type: optional_decimal, doc: Quantity step.}
      - {id: min_quantity, type: optional_decimal, doc: Least quantity of an order.}
      - {id: max_quantity, type: optional_decimal, doc: Greatest quantity of an order.}
      - {id: min_price, type: optional_decimal, doc: Least price of an order.}
      - {id: max_price, type: optional_decimal, doc: Greatest price of an order.}
      - {id: min_notional, type: optional_decimal, doc: Least value of an order.}
      - {id: maker_fee_bps, type: optional_decimal, doc: "Fee of the resting side, basis points."}
      - {id: taker_fee_bps, type: optional_decimal, doc: "Fee of the crossing side, basis points."}
      - {id: venue_status, type: optional_key, doc: "The venue's own word for the status."}
      - {id: delist_at, type: optional_time, doc: End of trading.}
      - id: other_symbols
        type: optional_keys
        if: not _io.eof
        valid: {expr: _.presence == 0 or _.count <= 64}
        doc: Other names of the same market. Since format version 2.

  future:
    doc: A dated future or a perpetual.
    seq:
      - {id: id, size: 16, -kind: instrument, doc: Its id.}
      - {id: instrument_type, type: u1, enum: instrument_type, doc: Always future.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: last_trading_date, type: optional_date, doc: Last day of trading; null for a perpetual.}
      - {id: is_inverse, type: optional_bool, doc: Whether it settles in what it is on.}
      - {id: mic, type: optional_key, doc: "Market, ISO 10383; either this or exchange is there."}
      - {id: exchange, type: optional_key, doc: Slug of the exchange.}
      - {id: segment, type: optional_key, doc: Part of the exchange.}
      - id: symbol
        type: optional_key
        valid: {expr: _.presence == 1}
        doc: The contract's symbol, never null.
      - {id: generation, type: optional_key, doc: Which later holder of the code; null for the first one.}
      - {id: name, type: optional_text, doc: Name for people.}
      - {id: product, type: optional_key, doc: "Root code of the contract's family."}
      - {id: underlying_id, type: optional_ref, -kind: instrument, doc: What it is on.}
      - {id: quote_id, type: optional_ref, -kind: instrument, doc: What prices are in.}
      - {id: settlement_id, type: optional_ref, -kind: instrument, doc: What it settles in.}
      - {id: margin_id, type: optional_ref, -kind: instrument, doc: What margin is paid in.}
      - {id: currency, type: optional_key, doc: ISO 4217.}
      - {id: contract_multiplier, type: optional_decimal, doc: How much of the underlying one contract is.}
      - {id: tick_size, type: optional_decimal, doc: Price step.}
      - {id: lot_size, type: optional_decimal, doc: Quantity step.}
      - {id: min_quantity, type: optional_decimal, doc: Least quantity of an order.}
      - {id: max_quantity, type: optional_decimal, doc: Greatest quantity of an order.}
      - {id: min_price, type: optional_decimal, doc: Least price of an order.}
      - {id: max_price, type: optional_decimal, doc: Greatest price of an order.}
      - {id: min_notional, type: optional_decimal, doc: Least value of an order.}
      - {id: maker_fee_bps, type: optional_decimal, doc: "Fee of the resting side, basis points."}
      - {id: taker_fee_bps, type: optional_decimal, doc: "Fee of the crossing side, basis points."}
      - {id: settlement_type, type: optional_code8, -vocabulary: settlement_type, doc: Cash or delivery.}
      - {id: first_trading_date, type: optional_date, doc: First day of trading.}
      - {id: expires_at, type: optional_time, doc: "The moment of expiry, when known."}
      - {id: delist_at, type: optional_time, doc: End of trading.}
      - {id: venue_status, type: optional_key, doc: "The venue's own word for the status."}

  option:
    doc: A call or put.
    seq:
      - {id: id, size: 16, -kind: instrument, doc: Its id.}
      - {id: instrument_type, type: u1, enum: instrument_type, doc: Always option.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: osi_root, type: optional_key, doc: Root of an option that OCC clears.}
      - {id: expiry_date, type: date, doc: Day of expiry.}
      - {id: option_kind, type: code8, -vocabulary: option_kind, doc: Call or put.}
      - {id: strike_price, type: decimal, doc: Price at which it is exercised.}
      - {id: exercise_style, type: optional_code8, -vocabulary: exercise_style, doc: When it can be exercised.}
      - {id: is_adjusted, type: optional_bool, doc: Whether a corporate action changed what it delivers.}
      - {id: deliverable, type: optional_text, doc: "What one contract delivers, in words."}
      - {id: mic, type: optional_key, doc: "Market, ISO 10383; of this, osi_root and exchange one is there."}
      - {id: exchange, type: optional_key, doc: Slug of the exchange.}
      - {id: segment, type: optional_key, doc: Part of the exchange.}
      - id: symbol
        type: optional_key
        valid: {expr: _.presence == 1}
        doc: The contract's symbol, never null.
      - {id: generation, type: optional_key, doc: Which later holder of the code; null for the first one.}
      - {id: name, type: optional_text, doc: Name for people.}
      - {id: product, type: optional_key, doc: "Root code of the contract's family."}
      - {id: underlying_id, type: optional_ref, -kind: instrument, doc: What it is on.}
      - {id: quote_id, type: optional_ref, -kind: instrument, doc: What prices are in.}
      - {id: settlement_id, type: optional_ref, -kind: instrument, doc: What it settles in.}
      - {id: margin_id, type: optional_ref, -kind: instrument, doc: What margin is paid in.}
      - {id: currency, type: optional_key, doc: ISO 4217.}
      - {id: contract_multiplier, type: optional_decimal, doc: How much of the underlying one contract is.}
      - {id: tick_size, type: optional_decimal, doc: Price step.}
      - {id: lot_size, type: optional_decimal, doc: Quantity step.}
      - {id: min_quantity, type: optional_decimal, doc: Least quantity of an order.}
      - {id: max_quantity, type: optional_decimal, doc: Greatest quantity of an order.}
      - {id: min_price, type: optional_decimal, doc: Least price of an order.}
      - {id: max_price, type: optional_decimal, doc: Greatest price of an order.}
      - {id: min_notional, type: optional_decimal, doc: Least value of an order.}
      - {id: maker_fee_bps, type: optional_decimal, doc: "Fee of the resting side, basis points."}
      - {id: taker_fee_bps, type: optional_decimal, doc: "Fee of the crossing side, basis points."}
      - {id: settlement_type, type: optional_code8, -vocabulary: settlement_type, doc: Cash or delivery.}
      - {id: first_trading_date, type: optional_date, doc: First day of trading.}
      - {id: expires_at, type: optional_time, doc: "The moment of expiry, when known."}
      - {id: delist_at, type: optional_time, doc: End of trading.}
      - {id: venue_status, type: optional_key, doc: "The venue's own word for the status."}

  synthetic:
    doc: An instrument that is a formula over others.
    seq:
      - {id: id, size: 16, -kind: instrument, doc: Its id.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: name, type: key, doc: What it is known by.}
      - {id: formula, type: text, doc: How it is computed from its components.}
      - {id: num_components, type: u2, valid: {min: 1, max: 256}, doc: How many components follow.}
      - id: components
        type: synthetic_component
        repeat: expr
        repeat-expr: num_components
        doc: What the variables of the formula stand for.
      - id: update_interval_ns
        type: optional_u64
        valid: {expr: _.presence == 0 or (_.value >= 1 and _.value <= 9223372036854775807)}
        doc: How often it is computed, nanoseconds.
      - {id: min_value, type: optional_decimal, doc: Least plausible value.}
      - {id: max_value, type: optional_decimal, doc: Greatest plausible value.}
      - {id: outlier_threshold, type: optional_decimal, doc: Standard deviations that make an outlier.}
      - id: stale_after_ns
        type: optional_u64
        valid: {expr: _.presence == 0 or (_.value >= 1 and _.value <= 9223372036854775807)}
        doc: Age at which an input is too old, nanoseconds.

  synthetic_component:
    doc: One variable of a synthetic's formula.
    seq:
      - {id: variable, type: key, doc: Name in the formula.}
      - {id: instrument_id, type: optional_ref, -kind: instrument, doc: One of the three references is there.}
      - {id: pair_id, type: optional_ref, -kind: pair, doc: Or a pair.}
      - {id: pool_id, type: optional_ref, -kind: pool, doc: Or a pool.}
      - {id: measure, type: code8, -vocabulary: component_measure, doc: What is taken of it.}

  pool:
    doc: A liquidity pool with two or more tokens.
    seq:
      - {id: id, size: 16, -kind: pool, doc: Its id.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: blockchain, type: code16, -vocabulary: blockchain, doc: The chain it lives on.}
      - {id: address, type: key, doc: "Contract, in the chain's normal form."}
      - {id: pool_id, type: optional_key, doc: The pool inside a contract that holds many.}
      - {id: num_tokens, type: u2, valid: {min: 2, max: 64}, doc: How many tokens follow.}
      - id: tokens
        type: pool_token
        repeat: expr
        repeat-expr: num_tokens
        doc: What it holds, in the contract's order.
      - {id: name, type: optional_text, doc: Name for people.}
      - {id: dex, type: optional_key, doc: The exchange that it belongs to.}
      - {id: pool_type, type: optional_code8, -vocabulary: pool_type, doc: How it makes prices.}
      - {id: algorithm, type: optional_key, doc: "The same in words, when the type is custom."}
      - {id: fee, type: optional_decimal, doc: Fraction of a swap.}
      - {id: is_dynamic_fee, type: optional_bool, doc: Whether the fee changes.}
      - id: tick_spacing
        type: optional_u32
        valid: {expr: _.presence == 0 or _.value >= 1}
        doc: Ticks between two usable prices.
      - {id: hooks, type: optional_key, doc: Address of the hook contract.}
      - {id: factory, type: optional_key, doc: Address of the contract that made it.}

  pool_token:
    doc: One token of a pool.
    seq:
      - {id: instrument_id, size: _root.width, -kind: instrument, doc: "A token or the chain's native coin."}
      - {id: weight, type: optional_decimal, doc: "Share of the pool, as a fraction."}

  broker_contract:
    doc: An instrument as a broker offers it.
    seq:
      - {id: id, size: 16, -kind: broker-contract, doc: Its id.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: broker, type: key, doc: Slug of the broker.}
      - {id: symbol, type: key, doc: "The broker's symbol."}
      - {id: generation, type: optional_key, doc: Which later holder of the code; null for the first one.}
      - {id: instrument_id, type: optional_ref, -kind: instrument, doc: What it is; null while unsure.}
      - {id: mic, type: optional_key, doc: "Where the broker routes to, ISO 10383."}
      - {id: name, type: optional_text, doc: Name for people.}
      - {id: timezone, type: optional_key, doc: IANA name of the zone that times of day are in.}
      - {id: session_open, type: optional_clock, doc: Opening of the regular session.}
      - {id: session_close, type: optional_clock, doc: "Its end; before the opening, on the next day."}
      - {id: pre_market_open, type: optional_clock, doc: Opening of the early session.}
      - {id: pre_market_close, type: optional_clock, doc: Its end.}
      - {id: after_hours_open, type: optional_clock, doc: Opening of the late session.}
      - {id: after_hours_close, type: optional_clock, doc: Its end.}
      - {id: shares_outstanding, type: optional_decimal, doc: "Of a stock: shares."}
      - {id: dividend_yield, type: optional_decimal, doc: "Of a stock: fraction a year."}
      - {id: contract_multiplier, type: optional_decimal, doc: How much of the underlying one contract is.}
      - {id: tick_value, type: optional_decimal, doc: "Of a future: money that one tick is."}
      - {id: settlement_type, type: optional_code8, -vocabulary: settlement_type, doc: "Of a future: cash or delivery."}
      - {id: premium_multiplier, type: optional_decimal, doc: "Of an option: money that one point of premium is."}
      - {id: margin_currency, type: optional_key, doc: ISO 4217 code of the margins.}
      - {id: initial_margin, type: optional_decimal, doc: To open one contract.}
      - {id: maintenance_margin, type: optional_decimal, doc: To hold one contract.}
      - {id: long_margin_rate, type: optional_decimal, doc: "Margin of a long position, as a fraction."}
      - {id: short_margin_rate, type: optional_decimal, doc: "Margin of a short position, as a fraction."}
      - {id: tick_size, type: optional_decimal, doc: Price step.}
      - {id: lot_size, type: optional_decimal, doc: Quantity step.}
      - {id: min_quantity, type: optional_decimal, doc: Least quantity of an order.}
      - {id: is_tradable, type: optional_bool, doc: Whether orders are taken.}
      - {id: is_marginable, type: optional_bool, doc: Whether it can be bought on margin.}
      - {id: is_shortable, type: optional_bool, doc: Whether it can be sold short.}
      - {id: is_easy_to_borrow, type: optional_bool, doc: Whether it can be borrowed at once.}
      - {id: is_fractionable, type: optional_bool, doc: Whether parts of a unit can be bought.}
      - {id: venue_status, type: optional_key, doc: "The venue's own word for the status."}
      - {id: delist_at, type: optional_time, doc: End of trading.}

  event_type:
    doc: The schema of a binary event, in one version.
    seq:
      - {id: id, size: 16, -kind: event-type, doc: Its id.}
      - {id: status, type: code8, -vocabulary: status, doc: "Whether it trades, is suspended or is retired."}
      - {id: name, type: key, doc: Name of the event.}
      - id: version
        type: u4
        valid: {min: 1, max: 999999999}
        doc: Version of its schema.
      - id: event_source
        type: code8
        -vocabulary: event_source
        doc: Who emits it; decides which of the next fields are there.
      - {id: blockchain, type: optional_code16, -vocabulary: blockchain, doc: "Of a DeFi event: its chain."}
      - {id: protocol, type: optional_key, doc: "Of a DeFi event: its protocol."}
      - {id: exchange, type: optional_key, doc: "Of a CEX event: slug of the exchange."}
      - {id: stream_type, type: optional_key, doc: "Of a CEX event: its stream."}
      - {id: broker, type: optional_key, doc: "Of a TradFi event: slug of the broker."}
      - {id: feed_type, type: optional_key, doc: "Of a TradFi event: its feed."}
      - {id: component, type: optional_key, doc: "Of an internal event: who emits it."}
      - {id: event_class, type: optional_key, doc: "Of an internal event: its class."}
      - {id: priority, type: code8, -vocabulary: event_priority, doc: How urgent it is.}
      - id: id_bits
        type: u1
        valid: {any-of: [64, 128]}
        doc: Width of ids inside the event.
      - id: size_hint
        type: optional_u32
        valid: {expr: _.presence == 0 or _.value >= 1}
        doc: Bytes of the event, when fixed.
      - {id: num_fields, type: u2, valid: {min: 1, max: 1024}, doc: How many fields follow.}
      - id: fields
        type: event_field
        repeat: expr
        repeat-expr: num_fields
        doc: What the event is made of.

  event_field:
    doc: One field of an event.
    seq:
      - {id: name, type: key, doc: Name of the field.}
      - {id: field_type, type: code8, -vocabulary: event_field_type, doc: Type of its values.}
      - {id: byte_offset, type: optional_u32, doc: Place in the event.}
      - {id: is_required, type: bool, doc: Whether every event has it.}
      - id: max_length
        type: optional_u32
        valid: {expr: _.presence == 0 or _.value >= 1}
        doc: Most bytes of a string or elements of an array.
      - {id: element_type, type: optional_code8, -vocabulary: event_field_type, doc: "Type of an array's elements."}

  # --- the types of fields ---

  key:
    doc: "A short text: a symbol, a code, an address."
    seq:
      - {id: len, type: u1, valid: {min: 1}, doc: Bytes of the text.}
      - {id: value, type: str, size: len, doc: The text.}
  optional_key:
    doc: A `key` or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - {id: len, type: u1, valid: {min: 1}, if: presence == 1, doc: Bytes of the text.}
      - {id: value, type: str, size: len, if: presence == 1, doc: The text.}
  text:
    doc: "A text, perhaps empty: a name, a description."
    seq:
      - {id: len, type: u2, doc: Bytes of the text.}
      - {id: value, type: str, size: len, doc: The text.}
  optional_text:
    doc: A `text` or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - {id: len, type: u2, if: presence == 1, doc: Bytes of the text.}
      - {id: value, type: str, size: len, if: presence == 1, doc: The text.}
  decimal:
    doc: "An exact number: mantissa times ten to the exponent."
    seq:
      - id: mantissa
        type: s8
        valid: {min: "-999999999999999999", max: "999999999999999999"}
        doc: At most 18 digits.
      - {id: exponent, type: s1, valid: {expr: mantissa != 0 or _ == 0}, doc: Power of ten; 0 for zero.}
  optional_decimal:
    doc: A `decimal` or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - id: mantissa
        type: s8
        valid: {min: "-999999999999999999", max: "999999999999999999"}
        if: presence == 1
        doc: At most 18 digits.
      - id: exponent
        type: s1
        valid: {expr: mantissa != 0 or _ == 0}
        if: presence == 1
        doc: Power of ten; 0 for zero.
  bool:
    doc: A truth value.
    seq:
      - {id: value, type: u1, valid: {max: 1}, doc: 0 or 1.}
  optional_bool:
    doc: A `bool` or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - {id: value, type: u1, valid: {max: 1}, if: presence == 1, doc: 0 or 1.}
  date:
    doc: A day of the Gregorian calendar.
    seq:
      - {id: value, type: s4, valid: {min: -719162, max: 2932896}, doc: "Days since 1970-01-01, from year 1 to 9999."}
  optional_date:
    doc: A `date` or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - id: value
        type: s4
        valid: {min: -719162, max: 2932896}
        if: presence == 1
        doc: Days since 1970-01-01, from year 1 to 9999.
  time:
    doc: A moment.
    seq:
      - {id: value, type: u8, valid: {max: "9214646399999999000"}, doc: "Nanoseconds since 1970, before 2262."}
  optional_time:
    doc: A `time` or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - id: value
        type: u8
        valid: {max: "9214646399999999000"}
        if: presence == 1
        doc: Nanoseconds since 1970, before 2262.
  optional_clock:
    doc: A time of day, or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - {id: value, type: u4, valid: {max: 86399}, if: presence == 1, doc: Seconds since midnight.}
  optional_keys:
    doc: Several short texts, ascending, or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - {id: count, type: u2, valid: {min: 1, max: 1024}, if: presence == 1, doc: How many follow.}
      - {id: values, type: key, repeat: expr, repeat-expr: count, if: presence == 1, doc: The texts.}
  code8:
    doc: A code of one byte.
    seq:
      - {id: value, type: u1, valid: {min: 1}, doc: A code of the vocabulary.}
  optional_code8:
    doc: A `code8` or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - {id: value, type: u1, valid: {min: 1}, if: presence == 1, doc: A code of the vocabulary.}
  code16:
    doc: A code of two bytes.
    seq:
      - {id: value, type: u2, valid: {min: 1}, doc: A code of the vocabulary.}
  optional_code16:
    doc: A `code16` or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - {id: value, type: u2, valid: {min: 1}, if: presence == 1, doc: A code of the vocabulary.}
  optional_ref:
    doc: A reference to another record, or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - {id: value, size: _root.width, if: presence == 1, doc: First bytes of the id of another record.}
  optional_u8:
    doc: A number of one byte, or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - {id: value, type: u1, if: presence == 1, doc: The number.}
  optional_u32:
    doc: A number of four bytes, or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - {id: value, type: u4, if: presence == 1, doc: The number.}
  optional_u64:
    doc: A number of eight bytes, or null.
    seq:
      - {id: presence, type: u1, valid: {max: 1}, doc: "0: null, and nothing follows."}
      - {id: value, type: u8, if: presence == 1, doc: The number.}

enums:
  message_type:
    0x01: instrument
    0x02: pool
    0x03: pair
    0x04: broker_contract
    0x05: {id: instrument_update, doc: In live feeds only.}
    0x06: venue
    0x07: listing
    0x08: security
    0x09: event_type
    0x0a: synthetic
    0x0b: tombstone
    0x0c: alias
    0x0d: vocabulary
    0x0e: succession
    0x20: {id: query, doc: Reserved.}
    0x21: snapshot
    0x22: {id: health_check, doc: Reserved.}
    0x23: snapshot_index
    0x24: snapshot_end
    0xff: {id: error, doc: Reserved.}
  instrument_type:
    0: {id: none, doc: No instrument.}
    1: token
    2: stock
    3: etf
    4: future
    5: option
    6: currency
    8: asset
    9: native
  kind:
    1: instrument
    2: security
    3: venue
    4: pool
    5: pair
    6: broker_contract
    7: event_type
    8: {id: listing, doc: In tombstones only.}
  contents:
    1: full
    2: delta
  index:
    1: instrument_id
    2: security_id
    3: venue_id
    4: pool_id
    5: pair_id
    6: broker_contract_id
    7: event_type_id
    8: listings
    16: symbol
    17: isin
    18: cusip
    19: figi
    20: address
    21: exchange_symbol
    22: pair_legs
    23: pool_legs
    24: underlying
    25: broker_contracts
    26: event_type_number
    27: successions
