//! `#### 42`, the form of GSM8K's solutions.

use std::borrow::Cow;

use super::Found;

/// The rest of the line after the last `####`.
pub(super) fn after_hash_marks(text: &str) -> Found<'_> {
    let Some(at) = text.rfind("####") else {
        return Found::Absent;
    };
    let line = text[at + 4..].lines().next().unwrap_or_default();
    Found::Answer(Cow::Borrowed(line.trim_start_matches('#')))
}
