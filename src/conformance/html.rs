//! Forms on a page, read the way a browser without JavaScript would.
//!
//! # Design
//! A tag scanner, not a parser: it looks at `form`, `input`, `button`, `select` and `textarea` tags and at nothing else.
//! That is enough for pages that keep the contract (`username`, `password`, `otp`, `patient`, `scope`, `decision`), and a
//! page that needs more than this to log in is a page that a simple client cannot use.

/// A form and its controls, in page order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    pub action: String,
    pub controls: Vec<Control>,
}

/// One control of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Control {
    pub name: String,
    /// `hidden`, `text`, `radio`, `checkbox`, `submit`, …
    pub kind: String,
    pub value: String,
}

impl Form {
    pub(super) fn has(&self, name: &str) -> bool {
        self.controls.iter().any(|control| control.name == name)
    }
}

/// The forms of a page that are sent by POST.
pub(super) fn forms(page: &str) -> Vec<Form> {
    let mut forms = Vec::new();
    let mut open: Option<(Form, bool)> = None;
    for tag in tags(page) {
        let name = tag_name(tag);
        match name.as_str() {
            "form" => {
                let posts = attribute(tag, "method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
                let action = attribute(tag, "action").unwrap_or_default();
                let controls = Vec::new();
                open = Some((Form { action, controls }, posts));
            }
            "/form" => forms.extend(open.take().filter(|(_, posts)| *posts).map(|(form, _)| form)),
            "input" | "button" | "select" | "textarea" => {
                if let Some((form, _)) = &mut open {
                    let default = if name == "button" { "submit" } else { "text" };
                    form.controls.push(Control {
                        name: attribute(tag, "name").unwrap_or_default(),
                        kind: attribute(tag, "type")
                            .unwrap_or_else(|| default.to_owned())
                            .to_ascii_lowercase(),
                        value: attribute(tag, "value").unwrap_or_default(),
                    });
                }
            }
            _ => {}
        }
    }
    forms
}

/// A page without what may differ between two visits: form values, nonces, and the queries of its links.
pub(crate) fn without_values(page: &str) -> String {
    let mut bare = String::with_capacity(page.len());
    let mut rest = page;
    let starts = [" value=\"", " nonce=\"", " href=\"", " action=\""];
    while let Some((at, start)) = starts.iter().filter_map(|start| Some((rest.find(start)?, start))).min() {
        let quote = at + start.len();
        bare.push_str(&rest[..quote]);
        let end = rest[quote..].find('"').map_or(rest.len(), |end| quote + end);
        if start.starts_with(" href") || start.starts_with(" action") {
            bare.push_str(rest[quote..end].split('?').next().unwrap_or_default());
        }
        rest = &rest[end..];
    }
    bare.push_str(rest);
    bare
}

fn tags(page: &str) -> impl Iterator<Item = &str> {
    page.split('<').skip(1).filter_map(|part| {
        let mut quote = None;
        let end = part.char_indices().find(|(_, c)| {
            match quote {
                Some(open) if *c == open => quote = None,
                None if *c == '"' || *c == '\'' => quote = Some(*c),
                _ => {}
            }
            quote.is_none() && *c == '>'
        });
        end.map(|(end, _)| &part[..end])
    })
}

fn tag_name(tag: &str) -> String {
    let end = tag.find(|c: char| c.is_whitespace()).unwrap_or(tag.len());
    tag[..end].trim_end_matches('/').to_ascii_lowercase()
}

/// The value of an attribute, with its entities resolved; an attribute without a value is empty.
fn attribute(tag: &str, wanted: &str) -> Option<String> {
    let mut rest = tag.trim_end_matches('/');
    rest = &rest[rest.find(|c: char| c.is_whitespace())?..];
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let name = &rest[..end.max(1)];
        rest = rest[end.max(1)..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| *c == '"' || *c == '\'');
            let (from, stop) = match quote {
                Some(quote) => (1, after[1..].find(quote).map_or(after.len(), |at| at + 1)),
                None => (0, after.find(char::is_whitespace).unwrap_or(after.len())),
            };
            value = &after[from..stop];
            rest = after.get(stop + from..).unwrap_or("");
        }
        if name.eq_ignore_ascii_case(wanted) {
            return Some(unescape(value));
        }
    }
}

fn unescape(text: &str) -> String {
    let named = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#x22;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
    ];
    let named = named
        .into_iter()
        .chain([("&lt;", "<"), ("&#60;", "<"), ("&gt;", ">"), ("&#62;", ">")]);
    // The ampersand comes last, so that `&amp;lt;` stays a text.
    let named = named.chain([("&amp;", "&"), ("&#38;", "&")]);
    named.fold(text.to_owned(), |text, (entity, sign)| text.replace(entity, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_controls() {
        let page =
            "<form method='get' action=/zoek><input name=q></form>\n<FORM method=POST action=\"/login?a=1&amp;b=2\">
            <input type=hidden name=csrf value='x>y'><input required name=\"username\" id=\"username\">
            <button name=decision value=deny>Nee</button></form>";
        let forms = forms(page);
        assert_eq!(forms.len(), 1);
        assert_eq!(forms[0].action, "/login?a=1&b=2");
        let seen: Vec<_> = forms[0]
            .controls
            .iter()
            .map(|c| (c.name.as_str(), c.kind.as_str(), c.value.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("csrf", "hidden", "x>y"),
                ("username", "text", ""),
                ("decision", "submit", "deny")
            ]
        );
        assert!(forms[0].has("username") && !forms[0].has("otp"));
    }

    #[test]
    fn values_and_nonces_are_left_out_of_a_comparison() {
        let page = |token: &str| {
            format!(
                "<p>Onjuist</p><a href=\"/x?r={token}\"><input name=\"csrf\" value=\"{token}\"><style nonce=\"{token}\">"
            )
        };
        assert_eq!(without_values(&page("a")), without_values(&page("bb")));
        assert_ne!(without_values("<p>Onjuist</p>"), without_values("<p>Onbekend</p>"));
        assert_ne!(without_values("<a href=\"/a?b\">"), without_values("<a href=\"/b?b\">"));
    }
}
