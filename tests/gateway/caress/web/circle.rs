//! Who is around a client, over the web: what waits while it cannot be read.

use super::*;

#[tokio::test]
async fn a_client_and_the_care_team_stay_as_they_are_while_who_is_around_cannot_be_read() {
    let served = served(Duration::ZERO, Mishaps::default()).await;
    let client = served.population.cast().everything;
    let house = House::new(client).await;
    let web = served.web(false, LONG);
    let report = house.sync_from(&web, Want::Everything).await.unwrap();
    assert!(report.is_complete(), "{report:#?}");
    let before = house.published().await;
    let patient = before.iter().find(|(name, _)| name.starts_with("Patient/")).unwrap();
    assert!(patient.1.get("generalPractitioner").is_some(), "{}", patient.1);
    let teams = before.keys().filter(|name| name.starts_with("CareTeam/")).count();
    assert!(teams > 0);
    for (list, status) in [
        ("careproviders", 500),
        ("careproviders", 404),
        ("dossieraccess", 403),
        ("dossieraccess", 404),
    ] {
        served.mock.served.refuse(list, status);
        house.clock.advance(SignedDuration::from_hours(1));
        let report = house.sync_from(&web, Want::Everything).await.unwrap();
        assert!(
            !report.is_complete() && report.held == 0,
            "{list} {status}: {report:#?}"
        );
        let path = format!("/{list}");
        assert!(
            report.failed.keys().all(|told| told.contains(&path)),
            "{:?}",
            report.failed
        );
        assert_eq!(house.published().await, before, "{list} {status}");
        served.mock.served.refuse(list, 200);
    }
    house.clock.advance(SignedDuration::from_hours(1));
    let report = house.sync_from(&web, Want::Everything).await.unwrap();
    assert!(report.is_complete() && report.stored == 0, "{report:#?}");
}
