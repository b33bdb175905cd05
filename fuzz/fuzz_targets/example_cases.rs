//! See `dsiem_inputs::examples`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::examples(data));
