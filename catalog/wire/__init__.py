"""The wire format of docs/protocol.md: pure bytes, no files, no database, no pydantic."""
