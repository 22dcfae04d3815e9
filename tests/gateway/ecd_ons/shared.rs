//! The contracts against sample payloads of the product, where a folder with them is beside the repository.

use serde_json::Value;

use super::*;
use crate::support::shared::shared;

#[test]
fn sample_payloads_keep_the_contracts() {
    let Some(folder) = shared("ecd/fixtures/ons") else {
        return;
    };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let lines = |name: &str| -> Vec<Value> {
        read(name)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let list = |name: &str, wrapper: &str| -> Vec<Value> {
        let mut whole: Value = serde_json::from_str(&read(name)).unwrap();
        serde_json::from_value(whole[wrapper].take()).unwrap()
    };
    let mut relations = lines("xstream_relations_data.ndjson");
    relations[0]["addresses"] = lines("xstream_client_contact_relation_addresses_data.ndjson").into();
    let mut agenda = list("agenda_occurrences_client_10101.json", "agendaOccurrences");
    agenda
        .iter_mut()
        .for_each(|occurrence| occurrence["clientId"] = json!(10101));
    let contracts = Contracts::builtin("ons").unwrap();
    for (kind, records) in [
        (Kind::Client, lines("xstream_clients_data.ndjson")),
        (Kind::ContactRelation, relations),
        (Kind::Report, lines("xstream_reports_data.ndjson")),
        (Kind::Insurance, list("insurances.json", "insurances")),
        (
            Kind::CareProvider,
            list("careproviders_client_10101.json", "careProviders"),
        ),
        (Kind::CarePlan, list("care_plans_by_client_10101.json", "carePlans")),
        (Kind::AgendaOccurrence, agenda),
    ] {
        assert!(!records.is_empty());
        for record in records {
            assert_eq!(contracts.check(kind, &record), Ok(()), "{kind}");
        }
    }
}
