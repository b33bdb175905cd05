//! See `dsiem_inputs::assets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::assets(data));
