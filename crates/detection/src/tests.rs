//! The frame, without detectors of real places.

mod frame;
