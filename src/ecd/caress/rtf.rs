//! Rich text to plain text.
//!
//! # Design
//! Text, paragraphs, lines and tabs stay; fonts, colours, pictures and everything marked as optional go. Bytes are of
//! Windows-1252, which the product's client writes (ASSUMPTION). What is not well formed is refused: half a text may say
//! the opposite of the whole.

/// Groups within groups that are followed; real texts have a handful.
const DEEPEST: usize = 100;

/// Groups that hold no text of the writer.
const SILENT: [&str; 10] = [
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "header",
    "footer",
    "object",
    "listtable",
    "generator",
];

/// The characters of Windows-1252 from 0x80 to 0x9F; a space where there is none.
const WINDOWS: &str = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";

#[derive(Clone, Copy)]
struct Group {
    silent: bool,
    /// Characters that stand after `\u` for readers without Unicode.
    skip: usize,
}

/// The plain text of an RTF text; none where it is not RTF or broken.
pub(super) fn to_text(rtf: &str) -> Option<String> {
    let mut reader = Reader {
        rest: rtf.trim(),
        text: String::with_capacity(rtf.len() / 2),
        high: None,
        ignore: 0,
    };
    if !reader.rest.starts_with("{\\rtf") {
        return None;
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut now = Group { silent: false, skip: 1 };
    while let Some(c) = reader.next() {
        match c {
            '{' => {
                if groups.len() == DEEPEST {
                    return None;
                }
                groups.push(now);
            }
            '}' => {
                now = groups.pop()?;
                reader.ignore = 0;
                if groups.is_empty() {
                    let is_end = reader.rest.trim_matches(['\0', '\r', '\n', ' ']).is_empty();
                    return (is_end && reader.high.is_none()).then(|| reader.text.trim().to_owned());
                }
            }
            '\\' => reader.control(&mut now)?,
            '\r' | '\n' => {}
            c => reader.put(c, now),
        }
    }
    None
}

struct Reader<'a> {
    rest: &'a str,
    text: String,
    /// The first half of a character outside the first plane.
    high: Option<u32>,
    ignore: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn put(&mut self, c: char, group: Group) {
        if self.ignore > 0 {
            self.ignore -= 1;
        } else if !group.silent {
            self.text.push(c);
        }
    }

    /// What stands after a backslash.
    fn control(&mut self, group: &mut Group) -> Option<()> {
        let c = self.next()?;
        match c {
            '\\' | '{' | '}' => self.put(c, *group),
            '~' => self.put(' ', *group),
            '_' => self.put('-', *group),
            '*' => group.silent = true,
            '\r' | '\n' => self.put('\n', *group),
            '\'' => {
                let byte = u8::from_str_radix(self.rest.get(..2)?, 16).ok()?;
                self.rest = &self.rest[2..];
                self.put(windows(byte), *group);
            }
            c if c.is_ascii_alphabetic() => self.word(c, group)?,
            _ => {}
        }
        Some(())
    }

    fn word(&mut self, first: char, group: &mut Group) -> Option<()> {
        let mut word = String::from(first);
        while let Some(c) = self.rest.chars().next().filter(char::is_ascii_alphabetic) {
            word.push(c);
            self.next();
        }
        let sign = usize::from(self.rest.starts_with('-'));
        let digits = self.rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
        let number = if digits > 0 {
            let (number, rest) = self.rest.split_at(sign + digits);
            self.rest = rest;
            Some(number.parse::<i32>().ok()?)
        } else {
            None
        };
        self.rest = self.rest.strip_prefix(' ').unwrap_or(self.rest);
        match word.as_str() {
            "par" | "line" | "row" => self.put('\n', *group),
            "tab" | "cell" => self.put('\t', *group),
            "emdash" => self.put('—', *group),
            "endash" => self.put('–', *group),
            "bullet" => self.put('•', *group),
            "lquote" => self.put('‘', *group),
            "rquote" => self.put('’', *group),
            "ldblquote" => self.put('“', *group),
            "rdblquote" => self.put('”', *group),
            "uc" => group.skip = usize::try_from(number?).ok()?,
            "u" => self.unicode(number?, group)?,
            // Its content is bytes, which cannot stand in a CSV file.
            "bin" => return None,
            word if SILENT.contains(&word) => group.silent = true,
            _ => {}
        }
        Some(())
    }

    /// `\u8364`: a signed half of UTF-16, followed by a stand-in of `skip` characters.
    fn unicode(&mut self, number: i32, group: &Group) -> Option<()> {
        let unit = u32::from(u16::try_from(number).or_else(|_| u16::try_from(number + 65_536)).ok()?);
        let c = match (self.high.take(), unit) {
            (None, 0xD800..=0xDBFF) => {
                self.high = Some(unit);
                self.ignore = group.skip;
                return Some(());
            }
            (None, _) => char::from_u32(unit)?,
            (Some(high), 0xDC00..=0xDFFF) => char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (unit - 0xDC00))?,
            (Some(_), _) => return None,
        };
        self.ignore = 0;
        self.put(c, *group);
        self.ignore = group.skip;
        Some(())
    }
}

fn windows(byte: u8) -> char {
    match byte {
        0x80..=0x9F => WINDOWS.chars().nth(usize::from(byte - 0x80)).unwrap_or(' '),
        byte => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_stays_and_the_form_goes() {
        let rtf = r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fnil Segoe UI;}}{\colortbl ;\red0\green0\blue0;}
{\*\generator Riched20;}\viewkind4\uc1\pard\b Visite.\b0  Mw. is rustig\'3b caf\'e9 \'80 5.\par
Beleid:\tab RR \{140/85\}\line\u8804?2 kg \u-10179?\u-8704?\par}";
        let text = to_text(rtf).unwrap();
        assert_eq!(text, "Visite. Mw. is rustig; café € 5.\nBeleid:\tRR {140/85}\n≤2 kg 😀");
        assert_eq!(WINDOWS.chars().count(), 32);
    }

    #[test]
    fn what_is_broken_is_no_text() {
        let deep = format!("{{\\rtf1 {}a{}}}", "{".repeat(200), "}".repeat(200));
        for broken in [
            "gewone tekst",
            r"{\rtf1 half",
            r"{\rtf1 a} b",
            r"{\rtf1 \'zz}",
            r"{\rtf1 \'",
            r"{\rtf1 \u99999999999?}",
            r"{\rtf1 \u-10179?a}",
            r"{\rtf1 \bin3 abc}",
            &deep,
        ] {
            assert_eq!(to_text(broken), None, "{broken}");
        }
    }
}
