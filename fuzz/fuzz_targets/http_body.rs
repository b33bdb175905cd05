//! See `dsiem_inputs::http_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::http_body(data));
