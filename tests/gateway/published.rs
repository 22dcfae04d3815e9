//! What is published, judged by every profile that it claims and by a second reader.

use inzage::ecd::mock::Cast;
use inzage::fhir::model::strict_check;
use inzage::profile::{Registry, is_valid};
use inzage::sync::Want;

use crate::support::dossier::{Dossiers, dangling};
use crate::support::shared::shared;

#[tokio::test]
async fn every_published_resource_keeps_each_profile_that_it_claims() {
    let cast = Cast::default();
    let clients = [
        cast.everything,
        cast.hospital,
        cast.pair[0],
        cast.pair[1],
        cast.secret,
        cast.returned,
    ];
    let dossiers = Dossiers::new(12, &clients).await;
    dossiers.sync(Want::Everything).await;
    let published = dossiers.published(&clients).await;
    assert!(published.len() > 500, "{}", published.len());

    // Without the packages those of the project itself are checked.
    let registry = match shared("fhir/packages") {
        Some(packages) => {
            Registry::load(None, &[packages.join("r4-snapshots"), packages.join("r4-base")]).expect("the packages load")
        }
        None => Registry::builtin(),
    };
    let mut claims = std::collections::BTreeMap::new();
    for (name, body) in &published {
        let resource: serde_json::Value = serde_json::from_str(body).unwrap();
        let issues = registry.check(&resource);
        assert!(is_valid(&issues), "{name}: {issues:#?}\n{resource:#}");
        let kind = name.split('/').next().unwrap();
        assert_eq!(strict_check(kind, body.as_bytes()), Ok(()), "{name}");
        for profile in resource["meta"]["profile"]
            .as_array()
            .expect("every resource claims a profile")
        {
            *claims.entry(profile.as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    for (profile, count) in &claims {
        let known = if registry.profile(profile).is_some() {
            "checked"
        } else {
            "not here"
        };
        println!("{count:>6} {known:<9} {profile}");
    }
    assert!(
        claims
            .keys()
            .filter(|profile| profile.starts_with("https://inzage.dev/"))
            .count()
            >= 15,
        "{claims:#?}"
    );
}

#[test]
fn every_definition_that_is_served_is_valid_r4() {
    let Some(packages) = shared("fhir/packages") else {
        return;
    };
    let registry = Registry::load(None, &[packages.join("r4-base")]).expect("the package loads");
    let own = inzage::profile::definitions().map(str::to_owned);
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for text in own.chain(inzage::mapping::Files::builtin().tables()) {
        let resource: serde_json::Value = serde_json::from_str(&text).unwrap();
        let issues = registry.check(&resource);
        assert!(is_valid(&issues), "{}: {issues:#?}", resource["url"]);
        let kind = resource["resourceType"].as_str().unwrap();
        assert_eq!(strict_check(kind, text.as_bytes()), Ok(()), "{}", resource["url"]);
        *seen.entry(kind.to_owned()).or_default() += 1;
    }
    assert!(
        seen.len() == 4 && seen["ConceptMap"] > 40 && seen["StructureDefinition"] > 40,
        "{seen:?}"
    );
}

#[tokio::test]
async fn every_reference_in_what_is_published_leads_somewhere() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let published = dossiers.published(&[client]).await;
    assert_eq!(dangling(&published), Vec::<String>::new());
    let followed: usize = published
        .values()
        .map(|body| body.matches(r#""reference":""#).count())
        .sum();
    assert!(followed > 500, "{followed}");
}
