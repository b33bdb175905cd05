//! See `dsiem_inputs::example_cases`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::example_cases(data));
