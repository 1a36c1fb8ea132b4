//! Any bytes as a completion, in every mode: no panic, and an answer is a piece of the text or made of its pieces.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pgkern::extract::{Mode, extract};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for (name, mode) in Mode::ALL {
        if let Some(answer) = extract(&text, mode) {
            assert!(answer.len() <= text.len() + 2 * text.matches('\\').count() + 2, "{name} made {answer:?} up");
        }
    }
});
