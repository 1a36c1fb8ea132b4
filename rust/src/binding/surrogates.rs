//! Python strings as UTF-8, with a replacement character for each lone surrogate.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// The text where Python holds it, or a copy where a surrogate must be replaced.
///
/// `PyStringMethods::to_string_lossy` replaces each of a surrogate's three bytes by itself, which makes a megabyte of
/// them nine and takes a tenth of a second.
pub fn text<'a>(string: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    if let Ok(text) = string.to_str() {
        return Cow::Borrowed(text);
    }
    let encoded = string.call_method1("encode", ("utf-8", "surrogatepass"));
    let replaced = encoded.ok().and_then(|bytes| {
        let mut bytes = bytes.cast::<PyBytes>().ok()?.as_bytes().to_vec();
        replace_surrogates(&mut bytes);
        String::from_utf8(bytes).ok()
    });
    replaced.map_or_else(|| string.to_string_lossy(), Cow::Owned)
}

/// U+D800 to U+DFFF are ED A0 80 to ED BF BF, and U+FFFD has three bytes as well.
fn replace_surrogates(bytes: &mut [u8]) {
    for at in 2..bytes.len() {
        if bytes[at - 2] == 0xED && bytes[at - 1] >= 0xA0 {
            bytes[at - 2..=at].copy_from_slice("\u{fffd}".as_bytes());
        }
    }
}
