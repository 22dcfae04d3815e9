//! The narrative: a safe, well-formed piece of XHTML (<https://hl7.org/fhir/R4/narrative.html>, txt-1 and txt-2).
//!
//! # Design
//! The text is read once by a small reader that knows only what FHIR allows: the elements of basic formatting, the
//! attributes without behaviour, and no address that a browser would run or fetch. What it does not know it refuses, so
//! script, style sheets, forms, event attributes and new elements need no list.

/// Elements inside each other.
const MAX_DEPTH: usize = 64;

const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "b",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "ul",
    "var",
];

const ATTRIBUTES: &[&str] = &[
    "abbr",
    "accesskey",
    "align",
    "alt",
    "axis",
    "border",
    "cellpadding",
    "cellspacing",
    "char",
    "charoff",
    "charset",
    "cite",
    "class",
    "colspan",
    "compact",
    "coords",
    "dir",
    "frame",
    "headers",
    "height",
    "href",
    "hreflang",
    "hspace",
    "id",
    "lang",
    "longdesc",
    "name",
    "nowrap",
    "rel",
    "rev",
    "rowspan",
    "rules",
    "scope",
    "shape",
    "span",
    "src",
    "start",
    "style",
    "summary",
    "tabindex",
    "title",
    "type",
    "valign",
    "value",
    "vspace",
    "width",
    "xml:lang",
    "xmlns",
];

/// Is it a `div` in the XHTML namespace with content, and nothing unsafe in it?
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    let mut reader = Reader {
        rest: text.trim(),
        open: Vec::new(),
        content: false,
    };
    if !reader.rest.starts_with("<div") {
        return Err("txt-1: the narrative must be one div");
    }
    loop {
        reader.next()?;
        if reader.open.is_empty() {
            break;
        }
    }
    if !reader.rest.is_empty() {
        return Err("txt-1: something follows the div");
    }
    if reader.content {
        Ok(())
    } else {
        Err("txt-2: the narrative must have some content")
    }
}

struct Reader<'a> {
    rest: &'a str,
    open: Vec<&'a str>,
    content: bool,
}

impl<'a> Reader<'a> {
    /// One tag, comment or piece of text.
    fn next(&mut self) -> Result<(), &'static str> {
        if let Some(rest) = self.rest.strip_prefix("<!--") {
            let end = rest.find("--").ok_or("txt-1: a comment has no end")?;
            self.rest = rest[end..]
                .strip_prefix("-->")
                .ok_or("txt-1: a comment may not hold --")?;
            Ok(())
        } else if let Some(rest) = self.rest.strip_prefix("</") {
            self.close(rest)
        } else if let Some(rest) = self.rest.strip_prefix('<') {
            self.open(rest)
        } else {
            self.text()
        }
    }

    fn text(&mut self) -> Result<(), &'static str> {
        let end = self.rest.find('<').ok_or("txt-1: the div has no end")?;
        let (text, rest) = self.rest.split_at(end);
        entities(text)?;
        self.content |= !text.trim().is_empty();
        self.rest = rest;
        Ok(())
    }

    fn close(&mut self, rest: &'a str) -> Result<(), &'static str> {
        let end = rest.find('>').ok_or("txt-1: a tag has no end")?;
        if self.open.pop() != Some(rest[..end].trim_end()) {
            return Err("txt-1: the tags do not match");
        }
        self.rest = &rest[end + 1..];
        Ok(())
    }

    fn open(&mut self, rest: &'a str) -> Result<(), &'static str> {
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .ok_or("txt-1: a tag has no end")?;
        let (name, rest) = rest.split_at(end);
        if ELEMENTS.binary_search(&name).is_err() {
            return Err("txt-1: the narrative has an element that is not allowed");
        }
        if self.open.len() >= MAX_DEPTH {
            return Err("txt-1: the narrative is nested too deep");
        }
        self.content |= name == "img";
        let root = self.open.is_empty();
        let mut names: Vec<&str> = Vec::new();
        let mut rest = rest;
        loop {
            let trimmed = rest.trim_start();
            if let Some(after) = trimmed.strip_prefix("/>") {
                self.rest = after;
                if root {
                    return Err("txt-2: the narrative must have some content");
                }
                return Ok(());
            }
            if let Some(after) = trimmed.strip_prefix('>') {
                self.rest = after;
                if root && !names.contains(&"xmlns") {
                    return Err("txt-1: the div must have the XHTML namespace");
                }
                self.open.push(name);
                return Ok(());
            }
            if trimmed.len() == rest.len() {
                return Err("txt-1: a tag is malformed");
            }
            let (attribute, value, after) = attribute(trimmed)?;
            if names.contains(&attribute) {
                return Err("txt-1: an attribute occurs twice");
            }
            safe(attribute, value)?;
            names.push(attribute);
            rest = after;
        }
    }
}

/// `name="value"` and what follows.
fn attribute(text: &str) -> Result<(&str, &str, &str), &'static str> {
    const MALFORMED: &str = "txt-1: an attribute is malformed";
    let (name, rest) = text.split_once('=').ok_or(MALFORMED)?;
    let rest = rest.trim_start();
    let quote = rest
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\''))
        .ok_or(MALFORMED)?;
    let end = rest[1..].find(quote).ok_or(MALFORMED)? + 1;
    let value = &rest[1..end];
    if value.contains('<') {
        return Err(MALFORMED);
    }
    entities(value)?;
    Ok((name.trim_end(), value, &rest[end + 1..]))
}

fn safe(name: &str, value: &str) -> Result<(), &'static str> {
    if ATTRIBUTES.binary_search(&name).is_err() {
        return Err("txt-1: the narrative has an attribute that is not allowed");
    }
    let address = decoded(value);
    let lower = address.to_ascii_lowercase();
    let fine = match name {
        "xmlns" => value == "http://www.w3.org/1999/xhtml",
        // Nothing is fetched when a narrative is shown: pictures come along with it.
        "src" => address.starts_with('#') || is_picture(&lower),
        "href" | "cite" | "longdesc" => {
            let scheme = address.find(':').map(|end| &lower[..end]);
            let relative = scheme.is_none_or(|scheme| scheme.contains(['/', '?', '#']));
            relative || matches!(scheme, Some("http" | "https" | "mailto" | "tel"))
        }
        "style" => !["url", "expression", "import", "behavior", "binding", "\\"]
            .iter()
            .any(|bad| lower.contains(bad)),
        _ => true,
    };
    if fine {
        Ok(())
    } else {
        Err("txt-1: the narrative has an address or style that is not allowed")
    }
}

/// A picture in the text itself; drawings that are documents of their own (SVG) stay out.
fn is_picture(lower: &str) -> bool {
    let kind = lower
        .strip_prefix("data:")
        .and_then(|data| data.split([';', ',']).next())
        .unwrap_or_default();
    matches!(
        kind,
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "application/octet-stream"
    )
}

/// The text with its character references resolved and white space left out, as a browser reads an address.
fn decoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        let end = rest[start..].find(';').map_or(rest.len(), |end| start + end);
        let name = rest.get(start + 1..end).unwrap_or_default();
        match name {
            "amp" => out.push('&'),
            "lt" => out.push('<'),
            "gt" => out.push('>'),
            "quot" => out.push('"'),
            "apos" => out.push('\''),
            _ => out.extend(numeric(name)),
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    out.retain(|c| !c.is_whitespace() && !c.is_control());
    out
}

fn numeric(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
    let code = match digits.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    char::from_u32(code).filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
}

/// XML knows five named entities; `&nbsp;` and its kin are not declared.
fn entities(text: &str) -> Result<(), &'static str> {
    if text.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err("txt-1: the narrative has a control character");
    }
    for part in text.split('&').skip(1) {
        let name = part.split_once(';').map(|(name, _)| name).unwrap_or_default();
        if !matches!(name, "amp" | "lt" | "gt" | "quot" | "apos") && numeric(name).is_none() {
            return Err("txt-1: the narrative has an entity that XML does not know");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn div(inside: &str) -> String {
        format!(r#"<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>"#)
    }

    #[test]
    fn the_lists_are_sorted_for_the_search() {
        assert!(ELEMENTS.is_sorted() && ATTRIBUTES.is_sorted());
    }

    #[test]
    fn basic_formatting_passes() {
        for good in [
            "tekst",
            "<p class=\"a\">a <b>b</b><br/> &amp; &#160; &#xe9;</p>",
            "<!-- c --><table border='1'><tbody><tr><td colspan=\"2\">x</td></tr></tbody></table>",
            "<a href=\"https://example.org/?a=1&amp;b=2\">x</a><a href=\"Patient/1\">y</a><a href=\"#z\">z</a>",
            "<img src=\"#pic\" alt=\"x\"/>",
            "<p style=\"color: red\">x</p>",
        ] {
            assert_eq!(check(&div(good)), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_a_browser_would_run_or_fetch_is_refused() {
        for bad in [
            "<script>alert(1)</script>x",
            "<p onclick=\"x()\">x</p>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\" java&#10;script:alert(1)\">x</a>",
            "<a href=\"java&#x73;cript:alert(1)\">x</a>",
            "<a href=\"data:text/html;base64,xx\">x</a>",
            "<img src=\"https://tracker.example/x.png\"/>",
            "<img src=\"data:image/svg+xml;base64,xx\"/>",
            "<p style=\"background:url(https://x)\">x</p>",
            "<p style=\"background:u\\72l(x)\">x</p>",
            "<iframe src=\"#x\"></iframe>",
            "<form>x</form>",
            "<input/>x",
            "<object>x</object>",
            "<svg>x</svg>",
            "<style>p{}</style>x",
            "<link rel=\"x\"/>x",
        ] {
            assert!(check(&div(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for bad in [
            "<p>x",
            "x</p>",
            "<p>x</b>",
            "<b><i>x</b></i>",
            "a & b",
            "&nbsp;",
            "&#0;",
            "<p a=b>x</p>",
            "<p class=\"a\" class=\"b\">x</p>",
            "<p class=\"a\"id=\"b\">x</p>",
            "<P>x</P>",
            "<!-- a -- b -->x",
            "<![CDATA[x]]>",
            "<?php ?>x",
            "<!DOCTYPE x>",
            "a < b",
            "",
            "  ",
            "<p></p>",
            "<!-- only a comment -->",
        ] {
            assert!(check(&div(bad)).is_err(), "{bad}");
        }
        for bad in [
            "",
            "tekst",
            "<p>x</p>",
            "<div>x</div>",
            "<div xmlns=\"urn:x\">x</div>",
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"/>",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check(&format!("{}<p>y</p>", div("x"))).is_err());
        assert!(check(&div(&format!("{}x{}", "<b>".repeat(70), "</b>".repeat(70)))).is_err());
    }

    #[test]
    fn a_long_hostile_text_is_read_in_linear_time() {
        assert!(check(&div(&"<b>".repeat(300_000))).is_err());
        assert!(check(&div(&"&".repeat(300_000))).is_err());
    }
}
