//! Signs at the end of an answer that were left there when it was cut out of a text.

/// Without a dollar that ends mathematics which never began, a brace that closes nothing, or a backslash alone.
pub(super) fn without_strays(text: &str) -> &str {
    let mut text = text.trim_end();
    if let Some(rest) = text.strip_suffix('\\').filter(|rest| !rest.ends_with('\\')) {
        text = rest.trim_end(); // of "\\ ", a space
    }
    let sentence = text.trim_end_matches(['.', ' ']);
    if let Some(rest) = sentence.strip_suffix('$') {
        let closes = rest.ends_with(['}', ')', ']']);
        if closes && !rest.contains('$') {
            text = rest;
        }
    }
    if text.ends_with('}') && !text.ends_with("\\}") && closes_too_much(text) {
        text = &text[..text.len() - 1];
    }
    text
}

/// Whether there is exactly one brace too many, and it is the last.
fn closes_too_much(text: &str) -> bool {
    let mut escaped = false;
    let (mut open, mut below) = (0_i64, 0);
    for byte in text.bytes() {
        open += match byte {
            b'{' if !escaped => 1,
            b'}' if !escaped => -1,
            _ => 0,
        };
        below += usize::from(open < 0);
        escaped = byte == b'\\' && !escaped;
    }
    open == -1 && below == 1
}

#[cfg(test)]
mod tests {
    use super::without_strays;

    #[test]
    fn only_what_is_unpaired_goes() {
        for (text, rest) in [
            (r"\{1\}$.", r"\{1\}"),
            (r"\frac{1}{2}}", r"\frac{1}{2}"),
            (r"\frac{1}{2}", r"\frac{1}{2}"),
            ("5\\", "5"),
            ("5$", "5$"),
            ("$(1)$", "$(1)$"),
            (r"\{1\}", r"\{1\}"),
            ("}1}", "}1}"),
        ] {
            assert_eq!(without_strays(text), rest, "{text}");
        }
    }
}
