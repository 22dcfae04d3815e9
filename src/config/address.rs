//! What an e-mail address may be, in a configuration and of a person.

/// Whether this can be an e-mail address: one `@` with something on both sides, and nothing that would end a header line.
pub fn is_address(text: &str) -> bool {
    let sane = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, ',' | ';' | '<' | '>' | '"' | '\\');
    let halves = text.split_once('@');
    text.len() <= 254
        && text.chars().all(sane)
        && halves.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
}
