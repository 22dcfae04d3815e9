//! What an operator is told of a record that cannot be published, and of a source that somebody else has.

use std::sync::Arc;

use inzage::clock::Clock;
use inzage::db::lease::{self, Taken};
use inzage::ecd::mock::Shelf;
use inzage::profile::Registry;
use inzage::sync::Want;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::dossier::Dossiers;
use crate::sync_crash::configuration;
use crate::sync_operate::{cast, inzage, some_report, text};

#[tokio::test]
async fn a_claim_that_a_loaded_package_refutes_goes_to_quarantine_with_both_sides_of_it() {
    let client = cast().everything;
    let mut dossiers = Dossiers::new(10, &[client]).await;
    let first = dossiers.sync(Want::Everything).await;
    assert_eq!(first.quarantined, 0, "{first:#?}");
    let element = |name: &str| json!({"id": name, "path": name, "min": 1});
    let package = dossiers.store.folder.path().join("nl-core");
    std::fs::create_dir(&package).unwrap();
    let profile = json!({
        "resourceType": "StructureDefinition", "id": "nl-core-BodyWeight", "type": "Observation", "fhirVersion": "4.0.1",
        "url": "http://nictiz.nl/fhir/StructureDefinition/nl-core-BodyWeight", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
        "differential": {"element": [
            {"id": "Observation", "path": "Observation"},
            {"id": "Observation.effective[x]", "path": "Observation.effective[x]", "type": [{"code": "Period"}]},
            element("Observation.bodySite"),
        ]},
    });
    std::fs::write(package.join("p.json"), profile.to_string()).unwrap();
    let registry = Registry::load(None, &[package]).unwrap_or_else(|problems| panic!("{problems:#?}"));
    dossiers.profiles = Arc::new(registry);
    // Another package: what was right before is looked at again.
    let report = dossiers.sync(Want::Everything).await;
    assert!(report.quarantined > 0, "{report:#?}");
    let mut read = dossiers.store.db.read().await.unwrap();
    let lines = inzage::sync::quarantined(&mut read, &dossiers.tenant.id, "ons", None, None)
        .await
        .unwrap();
    assert_eq!(lines.len() as u64, report.quarantined);
    for line in &lines {
        let told = format!("{} {}", line.pointer, line.reason);
        assert!(
            told.contains("Observation.bodySite") && told.contains("Observation.effectiveDateTime"),
            "{told}"
        );
        assert!(told.contains("/reportingDate"), "{told}");
    }
}

#[tokio::test]
async fn what_breaks_the_contract_in_several_places_is_told_with_the_elements_of_each() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let key = some_report(&dossiers, client);
    dossiers.population.write(dossiers.clock.now(), |edit| {
        assert!(edit.change(Shelf::Reports, &key, |report| {
            report["comment"] = json!({"secret": "xyzzy"});
            report["hidden"] = json!("xyzzy");
        }));
    });
    assert_eq!(dossiers.sync(Want::Everything).await.quarantined, 1);
    let mut read = dossiers.store.db.read().await.unwrap();
    let lines = inzage::sync::quarantined(&mut read, &dossiers.tenant.id, "ons", None, None)
        .await
        .unwrap();
    let told = format!("{} {}", lines[0].pointer, lines[0].reason);
    for part in ["/comment", "/hidden", "Observation.valueString"] {
        assert!(told.contains(part), "no {part} in {told}");
    }
    assert!(!told.contains("xyzzy"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_beside_one_that_was_killed_says_how_long_to_wait() {
    let dossiers = Dossiers::new(1, &[]).await;
    let config = configuration(&dossiers);
    // Whoever held it is gone and let nothing go.
    let (now, ttl) = (Clock::System.now(), SignedDuration::from_hours(1));
    let taken = lease::take(
        &dossiers.store.db,
        &dossiers.tenant.id,
        "sync/ons",
        "host pid 17",
        now,
        ttl,
    )
    .await;
    assert!(matches!(taken.unwrap(), Taken::Ours(_)));
    let run = inzage(&config, &["--tenant", "topaz"]).await;
    let told = text(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{told}");
    let wait: u64 = told
        .split_once("--wait ")
        .and_then(|(_, rest)| rest.split(',').next())
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or_else(|| panic!("no remedy in {told}"));
    // Whatever the machine is busy with: an hour less the time that the program took to look.
    assert!((600..=3_610).contains(&wait) && told.contains("host pid 17"), "{told}");
}
