//! See the module of the same name in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| carillon_sip_fuzz::dialog_info::run(data));
