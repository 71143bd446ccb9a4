//! Runs the target that `FOREBAY_FUZZ_TARGET` names under libFuzzer, with its options: see `tests/fuzz/run`.

#![no_main]
#![allow(clippy::expect_used, reason = "without a target there is nothing to run")]

use forebay_fuzz::Target;
use std::sync::LazyLock;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FOREBAY_FUZZ_TARGET").expect("FOREBAY_FUZZ_TARGET names a target");
    Target::named(&name).expect("a target of this name")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.check)(data));
