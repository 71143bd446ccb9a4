//! For tests only: conformance suite, simulated clock, generators, in-memory ends.
