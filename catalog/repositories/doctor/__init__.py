"""What the doctor asks the database: one module per group of its checks. Nothing here writes."""
