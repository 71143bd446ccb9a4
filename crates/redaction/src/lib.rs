//! Finding and hiding what must not leave: patterns in one pass, keys, sanitised URLs and statements, size limits.
