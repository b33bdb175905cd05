//! See `dsiem_inputs::directives`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::directives(data));
