//! Exporters: one folder each.
