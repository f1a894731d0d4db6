"""Following sources: HTTP answers and logs of chains are polled, and what is new goes through ordinary import runs."""
