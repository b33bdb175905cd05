//! See `dsiem_inputs::look_up_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dsiem_inputs::look_up_answer(data));
