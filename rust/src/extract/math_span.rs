//! The last mathematics of a text: `$…$`, `$$…$$`, `\(…\)`, `\[…\]`.

use memchr::memchr3;

/// The contents of the span that ends last.
///
/// A dollar opens mathematics only right before it and closes it only right behind it, as in Pandoc, so that prices
/// ("$5 and $3") are none; nor does mathematics end with an operator ("$5*3=$15").
pub(super) fn last_math(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let (mut paren, mut bracket, mut single, mut double) = (None, None, None, None);
    let mut last = None;
    let mut at = 0;
    while let Some(skipped) = bytes.get(at..).and_then(|rest| memchr3(b'\\', b'$', b'\n', rest)) {
        at += skipped;
        match (bytes[at], bytes.get(at + 1).copied()) {
            (b'\\', Some(next)) => {
                match next {
                    b'(' => paren = Some(at + 2),
                    b'[' => bracket = Some(at + 2),
                    b')' => last = paren.take().map(|begin| begin..at).or(last),
                    b']' => last = bracket.take().map(|begin| begin..at).or(last),
                    _ => {}
                }
                at += 2;
            }
            (b'$', Some(b'$')) => {
                match double.take() {
                    Some(begin) => last = Some(begin..at),
                    None => double = Some(at + 2),
                }
                single = None;
                at += 2;
            }
            (b'$', next) => {
                let opens = next.is_some_and(|next| !next.is_ascii_whitespace());
                let closes = at > 0
                    && !bytes[at - 1].is_ascii_whitespace()
                    && !matches!(bytes[at - 1], b'=' | b'+' | b'-' | b'*' | b'/') // "15-5=$10"
                    && !next.is_some_and(|next| next.is_ascii_digit());
                match single.take() {
                    Some(begin) if closes => last = Some(begin..at),
                    _ if opens => single = Some(at + 1),
                    _ => {}
                }
                at += 1;
            }
            (b'\n', _) => {
                single = None; // inline mathematics stays in its line
                at += 1;
            }
            _ => at += 1,
        }
    }
    last.map(|span: std::ops::Range<usize>| &text[span])
}

#[cfg(test)]
mod tests {
    use super::last_math;

    #[test]
    fn the_span_that_ends_last() {
        for (text, inside) in [
            ("$x$ and $y$", Some("y")),
            ("\\[ 1 \\] or \\(2\\)", Some("2")),
            ("$$x$$", Some("x")),
            ("costs $5 and $3", None),
            ("costs $5-$3", None),
            ("$5\nand 3$", None),
            ("costs $400-$80=$<<400-80=320>>320", None),
            ("\\$5 and $x=1$.", Some("x=1")),
            ("$", None),
            ("\\", None),
            ("\\) \\(", None),
        ] {
            assert_eq!(last_math(text), inside, "{text}");
        }
    }
}
