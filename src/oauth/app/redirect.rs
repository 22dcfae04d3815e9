//! Which return addresses may be registered (RFC 8252 §7, RFC 9700 §2.1).

pub(super) const LONGEST_URI: usize = 2_000;

/// The remedy where an address may not be registered.
pub(super) fn redirect(uri: &str, public: bool) -> Result<(), &'static str> {
    let plain = |b: u8| {
        matches!(b, 0x21..=0x7e) && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'`' | b'*' | b'^' | b'{' | b'}' | b'|')
    };
    if uri.len() > LONGEST_URI || !uri.bytes().all(plain) {
        return Err("at most 2000 ASCII characters, without spaces, backslashes, quotes or wildcards");
    }
    let url = url::Url::parse(uri).map_err(|_| "give a whole address")?;
    if uri.contains('#') {
        return Err("leave out the fragment (#)");
    }
    if !url.username().is_empty() || url.password().is_some() || uri.contains('@') {
        return Err("leave out user name and password (@)");
    }
    if uri.split(['?']).next().is_some_and(|path| path.contains("/.")) {
        return Err("write the path without . and ..");
    }
    match url.scheme() {
        "https" if url.as_str().starts_with(uri.trim_end_matches('/')) => Ok(()),
        "https" => Err("write scheme and host in lower case and without the default port"),
        "http" if super::loopback(uri).is_some() => Ok(()),
        "http" => Err("use https; http is for 127.0.0.1, [::1] and localhost only"),
        scheme if public && scheme.contains('.') => Ok(()),
        _ => Err("use https, http on the loopback interface, or a scheme like nl.example.app for a native app"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p02_only_safe_redirect_addresses_are_registered() {
        for good in [
            "https://app.example/cb",
            "https://app.example",
            "https://app.example:8443/cb?x=1",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:8080/app/",
            "http://[::1]:9/cb",
            "http://localhost/cb",
            "nl.example.app:/cb",
        ] {
            assert_eq!(redirect(good, true), Ok(()), "{good}");
        }
        for bad in [
            "http://app.example/cb",
            "https://app.example/cb#x",
            "https://user@app.example/cb",
            "https://*.example/cb",
            "https://app.example/../cb",
            "https://app.example/a b",
            "https://APP.example/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "myapp:/cb",
            "http://127.0.0.1.evil.example/",
            "/cb",
            "",
        ] {
            assert!(redirect(bad, true).is_err(), "{bad}");
        }
        assert!(redirect("nl.example.app:/cb", false).is_err());
    }
}
