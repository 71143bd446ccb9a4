//! TOML text to a graph specification with source positions; knows no component.
