//! Tables in memory, looked up by exact value, prefix, network or longest match: many rows in few bytes.
