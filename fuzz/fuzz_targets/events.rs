//! See `dsiem_inputs::events`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::events(data));
