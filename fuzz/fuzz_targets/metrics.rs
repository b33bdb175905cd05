//! See `dsiem_inputs::metrics`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::metrics(data));
