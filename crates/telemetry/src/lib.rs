//! Counters, gauges and latency recorders, the closed list of metric names, and their exposition.
