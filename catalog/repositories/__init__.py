"""SQL and its invariants, one module per noun. The caller owns the transaction: nothing here commits."""
