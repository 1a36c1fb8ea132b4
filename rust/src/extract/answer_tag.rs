//! `<answer>…</answer>`, the form of the `r1_zero` prompt.

const OPEN: &str = "<answer>";
const CLOSE: &str = "</answer>";

/// The contents of the last closed answer tag.
pub(super) fn last_answer_tag(text: &str) -> Option<&str> {
    let end = text.rfind(CLOSE)?;
    let begin = text[..end].rfind(OPEN)? + OPEN.len();
    Some(&text[begin..end])
}

#[cfg(test)]
mod tests {
    use super::last_answer_tag;

    #[test]
    fn the_last_closed_tag_counts() {
        assert_eq!(last_answer_tag("<answer>1</answer> <answer> 2 </answer> 3"), Some(" 2 "));
        assert_eq!(last_answer_tag("<answer>1</answer> <answer>2"), Some("1"));
        assert_eq!(last_answer_tag("<answer>1"), None);
        assert_eq!(last_answer_tag("</answer><answer>"), None);
    }
}
