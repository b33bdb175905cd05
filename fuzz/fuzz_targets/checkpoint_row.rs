//! See `dsiem_inputs::checkpoint_row`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::checkpoint_row(data));
