//! Runs `json_roundtrip` of the checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| forebay_otlp_fuzz::json_roundtrip(data));
