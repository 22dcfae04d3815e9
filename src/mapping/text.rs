//! Text of a source, made fit for FHIR: control characters out, line ends kept, nothing else changed.

/// FHIR bounds a string at 1 MB (<https://hl7.org/fhir/R4/datatypes.html#string>).
pub(super) const MAX_BYTES: usize = 1 << 20;

/// The text without control characters other than tab and line ends; `None` when nothing readable is left.
pub(super) fn clean(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    if text.is_empty() {
        return None;
    }
    if text
        .bytes()
        .all(|b| b >= b' ' && b != 0x7f && b != 0xc2 && b != 0xe2 && b != 0xef)
    {
        return Some(text.to_owned());
    }
    let kept: String = text.chars().filter(|c| is_readable(*c)).collect();
    (!kept.trim().is_empty()).then_some(kept)
}

fn is_readable(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        // Marks that turn the direction of text can make a sentence read otherwise than it is written.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => false,
        c => !c.is_control(),
    }
}

/// A generated narrative of plain text: everything escaped, line ends as `<br/>`.
pub(super) fn narrative(text: &str) -> String {
    let mut div = String::with_capacity(text.len() + 64);
    div.push_str("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '&' => div.push_str("&amp;"),
            '<' => div.push_str("&lt;"),
            '>' => div.push_str("&gt;"),
            '"' => div.push_str("&quot;"),
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' | '\r' => div.push_str("<br/>"),
            c => div.push(c),
        }
    }
    div.push_str("</div>");
    div
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_go_and_line_ends_stay() {
        assert_eq!(clean("a\u{0}b\r\n\tc\u{7}\u{85}").unwrap(), "ab\r\n\tc");
        assert_eq!(clean("  eet goed 🙂 — één \n"), Some("eet goed 🙂 — één".to_owned()));
        assert_eq!(clean("ab\u{202e}c\u{feff}").unwrap(), "abc");
        assert_eq!(clean(" \u{0}\n"), None);
    }

    #[test]
    fn a_narrative_is_escaped() {
        assert_eq!(
            narrative("a<script>&\"\r\nb\nc"),
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">a&lt;script&gt;&amp;&quot;<br/>b<br/>c</div>"
        );
    }
}
