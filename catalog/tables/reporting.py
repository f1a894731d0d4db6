"""Views for SQL users."""
