//! See `dsiem_inputs::log_row`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::log_row(data));
