//! See `dsiem_inputs::event`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::event(data));
