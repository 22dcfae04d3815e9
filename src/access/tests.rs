use std::sync::Arc;

use jiff::tz::TimeZone;

use super::*;
use crate::config::{Policy, Tenant};
use crate::consent::{Part, Parts, Role};
use crate::oauth::scope::Scopes;

fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

fn right(patient: &str, role: Role, parts: Parts) -> Right {
    Right {
        patient: id(patient),
        role,
        related: None,
        parts,
    }
}

fn caller(scopes: &str, patient: Option<&str>, rights: Vec<Right>) -> Caller {
    let tenant = Tenant {
        id: TenantId::parse("topaz").unwrap(),
        name: "Topaz".to_owned(),
        zone: TimeZone::get("Europe/Amsterdam").unwrap(),
        policy: Policy::default(),
        source: None,
        map_patches: None,
    };
    Caller {
        tenant: Arc::new(tenant),
        account: Some("account".to_owned()),
        client_id: "app".to_owned(),
        grant: "grant".to_owned(),
        scopes: Scopes::parse(scopes).unwrap(),
        patient: patient.map(id),
        fhir_user: None,
        rights,
    }
}

/// A client who sees everything of himself.
fn ua(scopes: &str) -> Caller {
    caller(scopes, Some("A"), vec![right("A", Role::Client, Parts::ALL)])
}

/// A contact with the right to appointments only.
fn um(scopes: &str) -> Caller {
    let agenda = Parts::of(&[Part::Appointments]);
    caller(scopes, Some("A"), vec![right("A", Role::Contact, agenda)])
}

/// A contact without any part.
fn un(scopes: &str) -> Caller {
    caller(scopes, Some("A"), vec![right("A", Role::Contact, Parts::default())])
}

/// The legal representative of A and B; the token was made for A.
fn ul(scopes: &str) -> Caller {
    let rights = ["A", "B"].map(|patient| right(patient, Role::Representative, Parts::ALL));
    caller(scopes, Some("A"), rights.to_vec())
}

/// The clients seen, or why not.
fn seen(caller: &Caller, interaction: Interaction<'_>) -> Result<Vec<String>, Denied> {
    let visible = decide(caller, &interaction)?;
    Ok(visible.patients().iter().map(ToString::to_string).collect())
}

#[test]
fn scopes_and_rights_have_to_agree() {
    use ResourceType::{Appointment, CarePlan, Goal, Observation, Patient, RelatedPerson};
    let only = |patient: &str| Ok(vec![patient.to_owned()]);
    let both = Ok(vec!["A".to_owned(), "B".to_owned()]);
    let table = [
        // v2, v1 and wildcard scopes of the client himself
        (ua("patient/CarePlan.rs"), CarePlan, only("A"), only("A")),
        (ua("patient/CarePlan.r"), CarePlan, only("A"), Err(Denied::Scope)),
        (ua("patient/CarePlan.s"), CarePlan, Err(Denied::Scope), only("A")),
        (ua("patient/CarePlan.read"), CarePlan, only("A"), only("A")),
        (ua("patient/*.rs"), Observation, only("A"), only("A")),
        (ua("patient/*.cud"), Observation, Err(Denied::Scope), Err(Denied::Scope)),
        (ua("patient/Goal.rs"), CarePlan, Err(Denied::Scope), Err(Denied::Scope)),
        (ua("openid fhirUser"), Patient, Err(Denied::Scope), Err(Denied::Scope)),
        (ua(""), Patient, Err(Denied::Scope), Err(Denied::Scope)),
        (ua("system/*.rs"), Patient, Err(Denied::Scope), Err(Denied::Scope)),
        // A16: a contact with the agenda only, whatever the app may
        (um("patient/*.rs"), Appointment, only("A"), only("A")),
        (um("patient/*.rs"), CarePlan, Err(Denied::Right), Err(Denied::Right)),
        (
            um("patient/*.rs user/*.rs"),
            Goal,
            Err(Denied::Right),
            Err(Denied::Right),
        ),
        (
            um("patient/*.rs"),
            RelatedPerson,
            Err(Denied::Right),
            Err(Denied::Right),
        ),
        (um("patient/*.rs"), Patient, only("A"), only("A")),
        // a contact without parts sees who the client is and nothing of the dossier
        (un("patient/*.rs"), Appointment, Err(Denied::Right), Err(Denied::Right)),
        (un("patient/*.rs"), Patient, only("A"), only("A")),
        // A19: a representative's token is for one client, unless the scope is the user's
        (ul("patient/*.rs"), CarePlan, only("A"), only("A")),
        (ul("user/*.rs"), CarePlan, both.clone(), both.clone()),
        (ul("patient/*.rs user/*.rs"), CarePlan, both.clone(), both),
        (ul("patient/*.rs user/Goal.rs"), CarePlan, only("A"), only("A")),
    ];
    let any = id("x");
    for (caller, kind, read, search) in table {
        let scopes = caller.scopes.to_string();
        assert_eq!(
            seen(&caller, Interaction::Read(kind, &any)),
            read,
            "{scopes}: read {kind}"
        );
        assert_eq!(
            seen(&caller, Interaction::Search(kind)),
            search,
            "{scopes}: search {kind}"
        );
    }
}

#[test]
fn a_patient_scope_without_a_client_in_context_reaches_nobody() {
    let mut caller = ul("patient/*.rs");
    caller.patient = None;
    let asked = Interaction::Search(ResourceType::CarePlan);
    assert_eq!(seen(&caller, asked), Err(Denied::Right));
}

#[test]
fn a_client_in_context_without_a_right_is_not_reached() {
    let mut caller = ul("patient/*.rs");
    caller.rights.remove(0);
    let asked = Interaction::Search(ResourceType::CarePlan);
    assert_eq!(seen(&caller, asked), Err(Denied::Right));
}

#[test]
fn a_granular_scope_narrows_and_several_widen_each_other() {
    let kind = ResourceType::Observation;
    let narrowing = |scopes: &str| {
        let visible = decide(&ul(scopes), &Interaction::Search(kind)).unwrap();
        let patients: Vec<_> = visible.patients().iter().map(ToString::to_string).collect();
        (patients.join(" "), visible.narrowing(kind).unwrap().to_vec())
    };
    let category = |code: &str| vec![("category".to_owned(), code.to_owned())];
    let (a, b) = ("patient/Observation.rs?category=a", "patient/Observation.rs?category=b");
    assert_eq!(narrowing(a), ("A".to_owned(), vec![category("a")]));
    assert_eq!(
        narrowing(&format!("{a} {b}")),
        ("A".to_owned(), vec![category("a"), category("b")])
    );
    assert_eq!(narrowing(&format!("{a} patient/*.rs")), ("A".to_owned(), vec![]));
    let user = "user/Observation.rs?category=u";
    assert_eq!(
        narrowing(&format!("{a} {user}")),
        ("A".to_owned(), vec![category("a"), category("u")])
    );
    assert_eq!(narrowing(&format!("{a} user/*.rs")), ("A B".to_owned(), vec![]));
}

#[test]
fn one_type_at_a_time_is_visible() {
    let visible = decide(&ua("patient/*.rs"), &Interaction::Search(ResourceType::Goal)).unwrap();
    assert!(visible.narrowing(ResourceType::Goal).is_some());
    assert!(visible.narrowing(ResourceType::CarePlan).is_none());
}

#[test]
fn a_legal_representation_needs_the_right_to_the_personal_data_too() {
    let narrowing = |parts: &[Part], scopes: &str| {
        let mut caller = ua(scopes);
        caller.rights[0].parts = Parts::of(parts);
        let visible = decide(&caller, &Interaction::Search(ResourceType::Condition));
        visible.map(|visible| visible.narrowing(ResourceType::Condition).unwrap().to_vec())
    };
    let pair = |code: &str| ("category".to_owned(), code.to_owned());
    assert_eq!(narrowing(&[Part::Plans, Part::Profile], "patient/*.rs"), Ok(vec![]));
    assert_eq!(
        narrowing(&[Part::Plans], "patient/*.rs"),
        Ok(vec![vec![pair("problem-list-item")]])
    );
    assert_eq!(
        narrowing(&[Part::Plans], "patient/Condition.rs?category=a"),
        Ok(vec![vec![pair("a"), pair("problem-list-item")]])
    );
    assert_eq!(narrowing(&[Part::Profile], "patient/*.rs"), Err(Denied::Right));
}

#[test]
fn a_care_worker_is_reached_only_through_what_is_open() {
    let ways = |caller: &Caller| {
        let visible = decide(caller, &Interaction::Search(ResourceType::Practitioner)).unwrap();
        let open = ResourceType::ALL
            .iter()
            .filter(|kind| visible.narrowing(**kind).is_some());
        open.map(|kind| kind.as_str()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        ways(&um("patient/*.rs")),
        "Appointment Patient Person Practitioner PractitionerRole"
    );
    assert_eq!(
        ways(&ua("patient/Practitioner.rs patient/Goal.rs")),
        "Goal Practitioner"
    );
    let mut mixed = ul("user/*.rs");
    mixed.rights[1].parts = Parts::of(&[Part::Plans]);
    assert_eq!(
        ways(&mixed),
        "CarePlan Condition Consent Goal Patient Person Practitioner PractitionerRole"
    );
}

#[test]
fn a_role_that_is_asked_for_stays_as_narrow_as_the_scopes_of_that_action() {
    let role = ResourceType::PractitionerRole;
    let mut caller = ua("patient/PractitionerRole.r patient/PractitionerRole.s");
    caller.scopes = caller.scopes.narrowed(Action::Search, "role", "nurse");
    let nurse = vec![("role".to_owned(), "nurse".to_owned())];
    let found = decide(&caller, &Interaction::Search(role)).unwrap();
    assert_eq!(found.narrowing(role), Some(&[nurse][..]));
    let read = decide(&caller, &Interaction::Read(role, &id("x"))).unwrap();
    assert_eq!(read.narrowing(role), Some(&[][..]));
}

#[test]
fn nobody_is_reached_through_a_legal_representation_without_the_right_to_the_personal_data() {
    let through = |parts: &[Part], scopes: &str| {
        let mut caller = ua(scopes);
        caller.rights[0].parts = Parts::of(parts);
        let visible = decide(&caller, &Interaction::Search(ResourceType::Practitioner)).unwrap();
        visible.narrowing(ResourceType::Condition).unwrap().to_vec()
    };
    let pair = |code: &str| ("category".to_owned(), code.to_owned());
    assert_eq!(
        through(&[Part::Plans], "patient/*.rs"),
        [vec![pair("problem-list-item")]]
    );
    let both = "patient/Practitioner.rs patient/Condition.rs?category=a";
    assert_eq!(
        through(&[Part::Plans], both),
        [vec![pair("a"), pair("problem-list-item")]]
    );
    let open: Vec<Narrowing> = Vec::new();
    assert_eq!(through(&[Part::Plans, Part::Profile], "patient/*.rs"), open);
}

#[test]
fn the_person_reads_their_own_resource_and_only_that() {
    let mut caller = um("openid fhirUser");
    caller.fhir_user = Some((ResourceType::RelatedPerson, id("me")));
    let (me, other) = (id("me"), id("other"));
    let visible = decide(&caller, &Interaction::Read(ResourceType::RelatedPerson, &me)).unwrap();
    let only = [vec![("_id".to_owned(), "me".to_owned())]];
    assert_eq!(visible.narrowing(ResourceType::RelatedPerson), Some(&only[..]));
    for denied in [
        Interaction::Read(ResourceType::RelatedPerson, &other),
        Interaction::Read(ResourceType::Patient, &me),
        Interaction::Search(ResourceType::RelatedPerson),
    ] {
        assert_eq!(decide(&caller, &denied).unwrap_err(), Denied::Scope, "{denied:?}");
    }
    caller.scopes = Scopes::parse("openid").unwrap();
    assert!(decide(&caller, &Interaction::Read(ResourceType::RelatedPerson, &me)).is_err());
    caller.scopes = Scopes::parse("openid fhirUser").unwrap();
    caller.rights.clear();
    assert!(decide(&caller, &Interaction::Read(ResourceType::RelatedPerson, &me)).is_err());
}

#[test]
fn what_the_gateway_reads_itself_comes_with_its_audit_line() {
    let tenant = TenantId::parse("topaz").unwrap();
    let (visible, entry) = for_system("reconciliation", &tenant, &[id("A")]);
    assert_eq!(visible.patients(), [id("A")]);
    assert_eq!(entry.patients, [id("A")]);
    assert_eq!(entry.what.query.as_deref(), Some("reconciliation"));
}

#[test]
fn s10_an_app_in_its_own_name_sees_all_clients_by_system_scopes_alone() {
    use ResourceType::{CarePlan, Goal, Observation, Practitioner};
    let own = |scopes: &str| {
        let mut caller = ul(scopes);
        (caller.account, caller.patient) = (None, None);
        caller
    };
    let any = id("x");
    let caller = own("system/CarePlan.rs system/Goal.s system/Observation.r?category=a system/Practitioner.r");
    for (kind, read, search) in [
        (CarePlan, true, true),
        (Goal, false, true),
        (Observation, true, false),
        (Practitioner, true, false),
        (ResourceType::Patient, false, false),
    ] {
        let reads = decide(&caller, &Interaction::Read(kind, &any));
        assert_eq!(reads.is_ok(), read, "{kind}");
        assert_eq!(decide(&caller, &Interaction::Search(kind)).is_ok(), search, "{kind}");
        if let Ok(visible) = reads {
            assert_eq!(visible.clients(), &Clients::All);
        }
    }
    let visible = decide(&caller, &Interaction::Read(Observation, &any)).unwrap();
    let category = vec![("category".to_owned(), "a".to_owned())];
    assert_eq!(visible.narrowing(Observation), Some(&[category][..]));
    // Rights and a client in context do not count for an app, and scopes of a person neither.
    let mut caller = own("patient/*.rs user/*.rs");
    caller.patient = Some(id("A"));
    let asked = Interaction::Search(CarePlan);
    assert_eq!(decide(&caller, &asked).unwrap_err(), Denied::Scope);
    // And a person's token never reaches further by a system scope.
    assert_eq!(decide(&ul("system/*.rs"), &asked).unwrap_err(), Denied::Scope);
}
