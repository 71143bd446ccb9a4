//! Numbers that states give to people, where a check can tell them from other numbers.

pub(crate) mod americas;
pub(crate) mod asia;
pub(crate) mod europe;
pub(crate) mod letters;
