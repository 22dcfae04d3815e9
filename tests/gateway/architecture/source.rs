//! A Rust source file split into what the architecture rules look at: code without comments and texts, and the texts.
//!
//! `read("let a = \"x\"; // b")` gives the code `let a = ""; ` and the text `x` on line 1.
//!
//! # Design
//! A small scanner instead of a parser: the rules need paths, texts and braces only, and a scanner reads all of `src` in
//! milliseconds without another dependency. Its own tests hold the traps (raw texts, lifetimes, nested comments).

/// One file, ready for the rules.
pub(super) struct Source {
    /// The code; comments are gone, texts are empty, line breaks are kept.
    pub(super) code: String,
    /// Each text literal with the line on which it starts.
    pub(super) texts: Vec<(usize, String)>,
}

/// Splits `source`.
pub(super) fn read(source: &str) -> Source {
    let chars: Vec<char> = source.chars().collect();
    let mut split = Source {
        code: String::with_capacity(source.len()),
        texts: Vec::new(),
    };
    let (mut at, mut line) = (0, 1);
    while let Some(&c) = chars.get(at) {
        let next = chars.get(at + 1).copied();
        let end = match (c, next) {
            ('/', Some('/')) => until(&chars, at, |rest| rest[0] == '\n'),
            ('/', Some('*')) => block_comment(&chars, at),
            ('"', _) => text(&chars, at, 0, true, line, &mut split),
            ('r', Some('"' | '#')) if !continues_a_name(&chars, at) => match raw_hashes(&chars, at + 1) {
                Some(hashes) => text(&chars, at + 1 + hashes, hashes, false, line, &mut split),
                None => keep(&chars, at, &mut split),
            },
            ('\'', Some(_)) => char_literal(&chars, at, &mut split),
            _ => keep(&chars, at, &mut split),
        };
        for skipped in &chars[at..end] {
            if *skipped == '\n' {
                line += 1;
                if end > at + 1 {
                    split.code.push('\n');
                }
            }
        }
        at = end;
    }
    split
}

/// The code before the test module at the foot of the file.
pub(super) fn without_tests(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod ").map_or(code, |at| &code[..at])
}

fn keep(chars: &[char], at: usize, split: &mut Source) -> usize {
    split.code.push(chars[at]);
    at + 1
}

fn until(chars: &[char], from: usize, stop: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len())
        .find(|at| stop(&chars[*at..]))
        .unwrap_or(chars.len())
}

fn block_comment(chars: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0_usize, from);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    break;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn continues_a_name(chars: &[char], at: usize) -> bool {
    // `br"…"` is a raw text too: the `b` belongs to it.
    at > 0 && chars[at - 1] != 'b' && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

/// How many `#` stand before the quote of a raw text, if this is one (`r#name` is not).
fn raw_hashes(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from..].iter().take_while(|c| **c == '#').count();
    (chars.get(from + hashes) == Some(&'"')).then_some(hashes)
}

fn text(chars: &[char], quote: usize, hashes: usize, escapes: bool, line: usize, split: &mut Source) -> usize {
    let mut at = quote + 1;
    while at < chars.len() {
        if escapes && chars[at] == '\\' {
            at += 2;
            continue;
        }
        if chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            break;
        }
        at += 1;
    }
    let end = at.min(chars.len());
    split.texts.push((line, chars[quote + 1..end].iter().collect()));
    split.code.push_str("\"\"");
    (end + 1 + hashes).min(chars.len())
}

/// `'a'` and `'\''` are skipped; in `'a` (a lifetime) only the quote is.
fn char_literal(chars: &[char], at: usize, split: &mut Source) -> usize {
    if chars[at + 1] == '\\' {
        return until(chars, at + 3, |rest| rest[0] == '\'') + 1;
    }
    if chars.get(at + 2) == Some(&'\'') {
        return at + 3;
    }
    keep(chars, at, split)
}

#[test]
fn comments_and_texts_leave_the_code() {
    let split = read("let a = \"x // y\"; // crate::http\n/* a /* b */ crate::http */ let b = 'c';\n");
    assert_eq!(split.code, "let a = \"\"; \n let b = ;\n");
    assert_eq!(split.texts, [(1, "x // y".to_owned())]);
}

#[test]
fn raw_texts_lifetimes_and_escapes_are_told_apart() {
    let split = read("fn f<'a>(x: &'a str) { r#\"SELECT \"1\"\"#; \"a\\\"b\"; '\\''; b\"q\"; br\"z\" }");
    let texts: Vec<_> = split.texts.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["SELECT \"1\"", "a\\\"b", "q", "z"]);
    assert!(split.code.starts_with("fn f<'a>(x: &'a str) {"), "{}", split.code);
}

#[test]
fn lines_are_counted_through_texts() {
    let split = read("\"a\nb\"\n\"c\"");
    assert_eq!(split.texts, [(1, "a\nb".to_owned()), (3, "c".to_owned())]);
    assert_eq!(split.code.lines().count(), 3);
}
