//! Runs `validate_vs_prost` of the checks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| forebay_otlp_fuzz::validate_vs_prost(data));
