//! Commands whose backslash a string literal has eaten: `"\frac"` taken for an escape is a form feed and `rac`.

/// The command that stands so at the start of `text`, and its length there. A tab alone is space.
pub(super) fn eaten_escape(text: &str) -> Option<(&'static str, usize)> {
    const COMMANDS: [(&str, &str); 11] = [
        ("\u{c}rac{", "frac"),
        ("\u{8}oxed{", "boxed"),
        ("\u{8}inom{", "binom"),
        ("\u{8}eta", "beta"),
        ("\u{8}ar{", "bar"),
        ("\text{", "text"),
        ("\textbf{", "textbf"),
        ("\textcirc", "circ"),
        ("\tfrac{", "tfrac"),
        ("\times", "times"),
        ("\theta", "theta"),
    ];
    if !text.starts_with(['\u{8}', '\t', '\u{c}']) {
        return None;
    }
    let (eaten, name) = COMMANDS.into_iter().find(|(eaten, _)| text.starts_with(eaten))?;
    Some((name, eaten.trim_end_matches('{').len()))
}

#[cfg(test)]
mod tests {
    use super::eaten_escape;
    use crate::latex::canonical::{answer_tokens, key};

    #[test]
    fn what_was_eaten_is_put_back() {
        for (eaten, whole) in [
            ("\u{c}rac{1}{2}", r"\frac{1}{2}"),
            ("-\u{c}rac{1}{2}", r"-\frac{1}{2}"),
            ("5\text{ cm}", r"5\text{ cm}"),
            ("\text{yes}", r"\text{yes}"),
            ("2\times3", r"2\times3"),
            ("\u{8}oxed{5}", r"\boxed{5}"),
        ] {
            assert_eq!(key(&answer_tokens(eaten)), key(&answer_tokens(whole)), "{whole}");
        }
        assert_eq!(eaten_escape("\text"), None);
        assert_eq!(eaten_escape("\tx"), None);
    }
}
