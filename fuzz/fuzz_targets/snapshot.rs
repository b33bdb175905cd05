//! See `dsiem_inputs::snapshot`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::snapshot(data));
