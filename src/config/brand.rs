//! `[tenant.<id>.brand]`: what apps show of an organisation where people look for theirs.

use url::Url;

use super::reader::Reader;

/// The face of one care organisation (<https://hl7.org/fhir/smart-app-launch/brands.html>). Every part may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brand {
    /// The public website.
    pub website: Option<Url>,
    pub logo: Option<Url>,
    /// On what terms apps may show the logo.
    pub logo_license: Option<Url>,
    /// Other names by which people know it.
    pub aliases: Vec<String>,
    pub portal_name: Option<String>,
    pub portal_url: Option<Url>,
    /// Who can log in, in words for people.
    pub portal_description: Option<String>,
    /// Where makers of apps read how to register.
    pub developers: Option<Url>,
}

impl Brand {
    /// What the organisation is recognised by in lists of others: the website's address without `www.` and path.
    pub fn identifier(&self) -> Option<String> {
        let host = self.website.as_ref()?.host_str()?;
        Some(format!("https://{}", host.strip_prefix("www.").unwrap_or(host)))
    }
}

pub(super) fn read(reader: &mut Reader, tenant: &str) -> Brand {
    let at = |key: &str| format!("tenant.{tenant}.brand.{key}");
    let mut url = |key: &str, meaning: &'static str| reader.https_url(&at(key), meaning);
    let website = url(
        "website",
        "the organisation's public website, for lists of organisations in apps",
    );
    let logo = url("logo", "its logo (SVG, or PNG of 1024 pixels), for lists in apps");
    let logo_license = url("logo_license", "on what terms apps may show the logo");
    let portal_url = url("portal_url", "the portal in which its clients log in");
    let developers = url("developers", "where makers of apps read how to register an app");
    let mut text = |key: &str, meaning: &'static str| reader.optional_text(&at(key), "", meaning);
    let portal_name = text("portal_name", "what clients call the portal");
    let portal_description = text("portal_description", "who can log in, in words for people");
    Brand {
        website,
        logo,
        logo_license,
        aliases: reader.list(&at("aliases"), "other names by which people know the organisation"),
        portal_name,
        portal_url,
        portal_description,
        developers,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn brand(text: &str) -> Result<Brand, Vec<String>> {
        let text = format!("[tenant.a.brand]\n{text}");
        let mut reader = Reader::new(Path::new("inzage.toml"), &text, std::iter::empty());
        let brand = read(&mut reader, "a");
        let (problems, _) = reader.finish();
        if problems.is_empty() {
            return Ok(brand);
        }
        Err(problems.into_iter().map(|problem| problem.key).collect())
    }

    #[test]
    fn u02_the_identifier_is_the_website_without_www_and_path() {
        for (website, identifier) in [
            ("https://www.zorg.example/over-ons?x=1", "https://zorg.example"),
            ("https://zorg.example", "https://zorg.example"),
            ("https://WWW.Zorg.example:8443/", "https://zorg.example"),
            ("https://www2.zorg.example/", "https://www2.zorg.example"),
        ] {
            let brand = brand(&format!("website = \"{website}\"\n")).unwrap();
            assert_eq!(brand.identifier().as_deref(), Some(identifier), "{website}");
        }
        assert_eq!(brand("portal_name = \"Mijn Zorg\"\n").unwrap().identifier(), None);
    }

    #[test]
    fn an_address_that_no_app_could_show_is_refused_by_name() {
        for key in ["website", "logo", "logo_license", "portal_url", "developers"] {
            for bad in ["http://zorg.example/", "zorg.example", "javascript:alert(1)", "data:,x"] {
                let wrong = brand(&format!("{key} = \"{bad}\"\n")).unwrap_err();
                assert_eq!(wrong, [format!("tenant.a.brand.{key}")], "{bad}");
            }
        }
    }
}
