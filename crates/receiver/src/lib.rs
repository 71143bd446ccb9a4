//! Receivers: one folder each.
