//! The frame, without detectors of real places, and the page about all.

mod frame;
mod page;
