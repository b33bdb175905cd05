//! See `dsiem_inputs::sources`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::sources(data));
