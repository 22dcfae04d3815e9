//! Forms and queries as strict pairs: `application/x-www-form-urlencoded`, valid UTF-8, bounded.

/// More parameters than any request of OAuth has.
const MOST: usize = 100;

/// The pairs in the order they came, with doubles; `None` for what is not a form. Lossy decoders would change a `state` that is
/// not UTF-8, and it has to come back as it was sent.
pub(super) fn pairs(text: &[u8]) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    for part in text.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
        if found.len() == MOST {
            return None;
        }
        let at = part.iter().position(|byte| *byte == b'=');
        let (name, value) = at.map_or((part, &[][..]), |at| (&part[..at], &part[at + 1..]));
        found.push((decode(name)?, decode(value)?));
    }
    Some(found)
}

fn decode(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'+', tail) => (b' ', tail),
            (b'%', [high, low, tail @ ..]) => (digit(*high)? << 4 | digit(*low)?, tail),
            (b'%', _) => return None,
            (byte, tail) => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.contains(|c: char| c.is_control())).then_some(text)
}

fn digit(hex: u8) -> Option<u8> {
    char::from(hex).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<(String, String)>> {
        pairs(text.as_bytes())
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_form_is_decoded_and_keeps_its_doubles() {
        assert_eq!(
            read("a=1+2&b=%C3%A9%2B&a=&c"),
            Some(vec![pair("a", "1 2"), pair("b", "é+"), pair("a", ""), pair("c", "")])
        );
        assert_eq!(read(""), Some(vec![]));
    }

    #[test]
    fn what_is_not_a_form_is_not_guessed() {
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "a=%0a"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(pairs(b"a=\xff"), None);
        assert_eq!(read(&"a=1&".repeat(101)), None);
    }
}
