//! The declared search parameters: one table for the parser, the index, the CapabilityStatement and its tests.

use crate::fhir::types::ResourceType;

/// A declared search parameter of one type.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    pub name: &'static str,
    pub kind: Kind,
    /// Where its value stands, in the path language of [`crate::fhir::path`].
    pub expression: &'static str,
    /// Canonical URL of its definition in R4.
    pub definition: &'static str,
}

/// How a parameter's values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A code, Coding, CodeableConcept, Identifier or boolean; for a plain `code` the system that its binding implies.
    Token { system: Option<&'static str> },
    /// A date, dateTime, instant or Period; kept in this slot of the index row.
    Date(DateSlot),
    /// A reference to another resource, for example a care worker.
    Reference,
    /// A reference to the client whose dossier it is: the leading key of the store.
    Patient,
    /// `_id`
    Id,
    /// `_lastUpdated`
    LastUpdated,
}

/// A resource keeps at most two dates to search and sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateSlot {
    /// The one of the timeline.
    First,
    Second,
}

impl Kind {
    /// The type's name in a CapabilityStatement (`SearchParamType`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token { .. } | Self::Id => "token",
            Self::Date(_) | Self::LastUpdated => "date",
            Self::Reference | Self::Patient => "reference",
        }
    }
}

/// The parameters of every type.
pub const COMMON: &[Param] = &[
    Param {
        name: "_id",
        kind: Kind::Id,
        expression: "Resource.id",
        definition: "http://hl7.org/fhir/SearchParameter/Resource-id",
    },
    Param {
        name: "_lastUpdated",
        kind: Kind::LastUpdated,
        expression: "Resource.meta.lastUpdated",
        definition: "http://hl7.org/fhir/SearchParameter/Resource-lastUpdated",
    },
];

macro_rules! table {
    ($($kind:ident { $($name:literal $shape:expr, $expression:literal, $definition:literal;)* })*) => {
        /// The parameters of this type besides [`COMMON`]. A parameter's place in the list is its bit in the index row, so a
        /// new one goes to the end of its list, and a changed list needs the stored resources indexed anew.
        pub const fn params(kind: ResourceType) -> &'static [Param] {
            match kind {
                $(ResourceType::$kind => const { &[$(Param {
                    name: $name,
                    kind: $shape,
                    expression: $expression,
                    definition: concat!("http://hl7.org/fhir/SearchParameter/", $definition),
                }),*] },)*
            }
        }
    };
}

const TOKEN: Kind = Kind::Token { system: None };
const FIRST: Kind = Kind::Date(DateSlot::First);
const SECOND: Kind = Kind::Date(DateSlot::Second);

const fn code(system: &'static str) -> Kind {
    Kind::Token { system: Some(system) }
}

table! {
    Appointment {
        "patient" Kind::Patient, "Appointment.participant.actor.where(resolve() is Patient)", "Appointment-patient";
        "date" FIRST, "Appointment.start", "Appointment-date";
        "status" code("http://hl7.org/fhir/appointmentstatus"), "Appointment.status", "Appointment-status";
        "actor" Kind::Reference, "Appointment.participant.actor", "Appointment-actor";
        "practitioner" Kind::Reference, "Appointment.participant.actor.where(resolve() is Practitioner)", "Appointment-practitioner";
        "appointment-type" TOKEN, "Appointment.appointmentType", "Appointment-appointment-type";
        "service-category" TOKEN, "Appointment.serviceCategory", "Appointment-service-category";
        "service-type" TOKEN, "Appointment.serviceType", "Appointment-service-type";
        "specialty" TOKEN, "Appointment.specialty", "Appointment-specialty";
        "identifier" TOKEN, "Appointment.identifier", "Appointment-identifier";
    }
    CarePlan {
        "patient" Kind::Patient, "CarePlan.subject.where(resolve() is Patient)", "clinical-patient";
        "subject" Kind::Patient, "CarePlan.subject", "CarePlan-subject";
        "date" FIRST, "CarePlan.period", "clinical-date";
        "category" TOKEN, "CarePlan.category", "CarePlan-category";
        "status" code("http://hl7.org/fhir/request-status"), "CarePlan.status", "CarePlan-status";
        "intent" code("http://hl7.org/fhir/care-plan-intent"), "CarePlan.intent", "CarePlan-intent";
        "activity-code" TOKEN, "CarePlan.activity.detail.code", "CarePlan-activity-code";
        "goal" Kind::Reference, "CarePlan.goal", "CarePlan-goal";
        "condition" Kind::Reference, "CarePlan.addresses", "CarePlan-condition";
        "part-of" Kind::Reference, "CarePlan.partOf", "CarePlan-part-of";
        "replaces" Kind::Reference, "CarePlan.replaces", "CarePlan-replaces";
        "identifier" TOKEN, "CarePlan.identifier", "clinical-identifier";
    }
    CareTeam {
        "patient" Kind::Patient, "CareTeam.subject.where(resolve() is Patient)", "clinical-patient";
        "subject" Kind::Patient, "CareTeam.subject", "CareTeam-subject";
        "date" FIRST, "CareTeam.period", "clinical-date";
        "category" TOKEN, "CareTeam.category", "CareTeam-category";
        "status" code("http://hl7.org/fhir/care-team-status"), "CareTeam.status", "CareTeam-status";
        "participant" Kind::Reference, "CareTeam.participant.member", "CareTeam-participant";
        "identifier" TOKEN, "CareTeam.identifier", "clinical-identifier";
    }
    Composition {
        "patient" Kind::Patient, "Composition.subject.where(resolve() is Patient)", "clinical-patient";
        "subject" Kind::Patient, "Composition.subject", "Composition-subject";
        "date" FIRST, "Composition.date", "clinical-date";
        "type" TOKEN, "Composition.type", "clinical-type";
        "category" TOKEN, "Composition.category", "Composition-category";
        "status" code("http://hl7.org/fhir/composition-status"), "Composition.status", "Composition-status";
        "author" Kind::Reference, "Composition.author", "Composition-author";
        "entry" Kind::Reference, "Composition.section.entry", "Composition-entry";
        "identifier" TOKEN, "Composition.identifier", "clinical-identifier";
    }
    Condition {
        "patient" Kind::Patient, "Condition.subject.where(resolve() is Patient)", "clinical-patient";
        "subject" Kind::Patient, "Condition.subject", "Condition-subject";
        "recorded-date" FIRST, "Condition.recordedDate", "Condition-recorded-date";
        "onset-date" SECOND, "(Condition.onset as dateTime) | (Condition.onset as Period)", "Condition-onset-date";
        "code" TOKEN, "Condition.code", "clinical-code";
        "category" TOKEN, "Condition.category", "Condition-category";
        "clinical-status" TOKEN, "Condition.clinicalStatus", "Condition-clinical-status";
        "verification-status" TOKEN, "Condition.verificationStatus", "Condition-verification-status";
        "identifier" TOKEN, "Condition.identifier", "clinical-identifier";
    }
    Consent {
        "patient" Kind::Patient, "Consent.patient", "clinical-patient";
        "date" FIRST, "Consent.dateTime", "clinical-date";
        "period" SECOND, "Consent.provision.period", "Consent-period";
        "status" code("http://hl7.org/fhir/consent-state-codes"), "Consent.status", "Consent-status";
        "scope" TOKEN, "Consent.scope", "Consent-scope";
        "category" TOKEN, "Consent.category", "Consent-category";
        "identifier" TOKEN, "Consent.identifier", "clinical-identifier";
    }
    Contract {
        "patient" Kind::Patient, "Contract.subject.where(resolve() is Patient)", "Contract-patient";
        "subject" Kind::Patient, "Contract.subject", "Contract-subject";
        "status" code("http://hl7.org/fhir/contract-status"), "Contract.status", "Contract-status";
        "issued" FIRST, "Contract.issued", "Contract-issued";
        "identifier" TOKEN, "Contract.identifier", "Contract-identifier";
    }
    Coverage {
        "patient" Kind::Patient, "Coverage.beneficiary", "Coverage-patient";
        "beneficiary" Kind::Patient, "Coverage.beneficiary", "Coverage-beneficiary";
        "type" TOKEN, "Coverage.type", "Coverage-type";
        "status" code("http://hl7.org/fhir/fm-status"), "Coverage.status", "Coverage-status";
        "payor" Kind::Reference, "Coverage.payor", "Coverage-payor";
        "class-type" TOKEN, "Coverage.class.type", "Coverage-class-type";
        "identifier" TOKEN, "Coverage.identifier", "Coverage-identifier";
    }
    DocumentReference {
        "patient" Kind::Patient, "DocumentReference.subject.where(resolve() is Patient)", "clinical-patient";
        "subject" Kind::Patient, "DocumentReference.subject", "DocumentReference-subject";
        "date" FIRST, "DocumentReference.date", "DocumentReference-date";
        "period" SECOND, "DocumentReference.context.period", "DocumentReference-period";
        "type" TOKEN, "DocumentReference.type", "clinical-type";
        "category" TOKEN, "DocumentReference.category", "DocumentReference-category";
        "status" code("http://hl7.org/fhir/document-reference-status"), "DocumentReference.status", "DocumentReference-status";
        "author" Kind::Reference, "DocumentReference.author", "DocumentReference-author";
        "related" Kind::Reference, "DocumentReference.context.related", "DocumentReference-related";
        "identifier" TOKEN, "DocumentReference.masterIdentifier | DocumentReference.identifier", "clinical-identifier";
    }
    EpisodeOfCare {
        "patient" Kind::Patient, "EpisodeOfCare.patient", "clinical-patient";
        "date" FIRST, "EpisodeOfCare.period", "clinical-date";
        "status" code("http://hl7.org/fhir/episode-of-care-status"), "EpisodeOfCare.status", "EpisodeOfCare-status";
        "type" TOKEN, "EpisodeOfCare.type", "clinical-type";
        "identifier" TOKEN, "EpisodeOfCare.identifier", "clinical-identifier";
    }
    Goal {
        "patient" Kind::Patient, "Goal.subject.where(resolve() is Patient)", "clinical-patient";
        "subject" Kind::Patient, "Goal.subject", "Goal-subject";
        "start-date" FIRST, "(Goal.start as date)", "Goal-start-date";
        "category" TOKEN, "Goal.category", "Goal-category";
        "lifecycle-status" code("http://hl7.org/fhir/goal-status"), "Goal.lifecycleStatus", "Goal-lifecycle-status";
        "achievement-status" TOKEN, "Goal.achievementStatus", "Goal-achievement-status";
        "identifier" TOKEN, "Goal.identifier", "clinical-identifier";
    }
    Observation {
        "patient" Kind::Patient, "Observation.subject.where(resolve() is Patient)", "clinical-patient";
        "subject" Kind::Patient, "Observation.subject", "Observation-subject";
        "date" FIRST, "(Observation.effective as dateTime) | (Observation.effective as instant) | (Observation.effective as Period)", "clinical-date";
        "code" TOKEN, "Observation.code", "clinical-code";
        "category" TOKEN, "Observation.category", "Observation-category";
        "status" code("http://hl7.org/fhir/observation-status"), "Observation.status", "Observation-status";
        "performer" Kind::Reference, "Observation.performer", "Observation-performer";
        "value-concept" TOKEN, "(Observation.value as CodeableConcept)", "Observation-value-concept";
        "has-member" Kind::Reference, "Observation.hasMember", "Observation-has-member";
        "derived-from" Kind::Reference, "Observation.derivedFrom", "Observation-derived-from";
        "identifier" TOKEN, "Observation.identifier", "clinical-identifier";
    }
    Organization {
        "identifier" TOKEN, "Organization.identifier", "Organization-identifier";
        "active" TOKEN, "Organization.active", "Organization-active";
        "type" TOKEN, "Organization.type", "Organization-type";
    }
    Patient {
        "identifier" TOKEN, "Patient.identifier", "Patient-identifier";
        "active" TOKEN, "Patient.active", "Patient-active";
        "gender" code("http://hl7.org/fhir/administrative-gender"), "Patient.gender", "individual-gender";
        "birthdate" FIRST, "Patient.birthDate", "individual-birthdate";
        "death-date" SECOND, "(Patient.deceased as dateTime)", "Patient-death-date";
        "general-practitioner" Kind::Reference, "Patient.generalPractitioner", "Patient-general-practitioner";
    }
    Person {
        "identifier" TOKEN, "Person.identifier", "Person-identifier";
    }
    Practitioner {
        "identifier" TOKEN, "Practitioner.identifier", "Practitioner-identifier";
        "active" TOKEN, "Practitioner.active", "Practitioner-active";
        "gender" code("http://hl7.org/fhir/administrative-gender"), "Practitioner.gender", "individual-gender";
    }
    PractitionerRole {
        "practitioner" Kind::Reference, "PractitionerRole.practitioner", "PractitionerRole-practitioner";
        "organization" Kind::Reference, "PractitionerRole.organization", "PractitionerRole-organization";
        "role" TOKEN, "PractitionerRole.code", "PractitionerRole-role";
        "specialty" TOKEN, "PractitionerRole.specialty", "PractitionerRole-specialty";
        "active" TOKEN, "PractitionerRole.active", "PractitionerRole-active";
        "identifier" TOKEN, "PractitionerRole.identifier", "PractitionerRole-identifier";
    }
    Questionnaire {
        "date" FIRST, "Questionnaire.date", "Questionnaire-date";
        "status" code("http://hl7.org/fhir/publication-status"), "Questionnaire.status", "Questionnaire-status";
        "identifier" TOKEN, "Questionnaire.identifier", "Questionnaire-identifier";
    }
    QuestionnaireResponse {
        "patient" Kind::Patient, "QuestionnaireResponse.subject.where(resolve() is Patient)", "QuestionnaireResponse-patient";
        "subject" Kind::Patient, "QuestionnaireResponse.subject", "QuestionnaireResponse-subject";
        "authored" FIRST, "QuestionnaireResponse.authored", "QuestionnaireResponse-authored";
        "status" code("http://hl7.org/fhir/questionnaire-answers-status"), "QuestionnaireResponse.status", "QuestionnaireResponse-status";
        "questionnaire" Kind::Reference, "QuestionnaireResponse.questionnaire", "QuestionnaireResponse-questionnaire";
        "author" Kind::Reference, "QuestionnaireResponse.author", "QuestionnaireResponse-author";
        "identifier" TOKEN, "QuestionnaireResponse.identifier", "QuestionnaireResponse-identifier";
    }
    RelatedPerson {
        "patient" Kind::Patient, "RelatedPerson.patient", "RelatedPerson-patient";
        "identifier" TOKEN, "RelatedPerson.identifier", "RelatedPerson-identifier";
        "active" TOKEN, "RelatedPerson.active", "RelatedPerson-active";
        "relationship" TOKEN, "RelatedPerson.relationship", "RelatedPerson-relationship";
        "gender" code("http://hl7.org/fhir/administrative-gender"), "RelatedPerson.gender", "individual-gender";
        "birthdate" FIRST, "RelatedPerson.birthDate", "individual-birthdate";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::path::Expression;

    #[test]
    fn every_expression_compiles_and_every_bit_fits() {
        for kind in ResourceType::ALL {
            for param in params(*kind).iter().chain(COMMON) {
                Expression::compile(param.expression).unwrap_or_else(|error| panic!("{kind} {}: {error}", param.name));
            }
            assert!(params(*kind).len() < 63);
        }
    }

    #[test]
    fn a_type_declares_a_name_and_a_date_slot_once() {
        for kind in ResourceType::ALL {
            let all = params(*kind);
            for (at, one) in all.iter().enumerate() {
                let twice = |other: &&Param| {
                    other.name == one.name || (matches!(one.kind, Kind::Date(_)) && other.kind == one.kind)
                };
                assert!(!all[at + 1..].iter().any(|other| twice(&other)), "{kind} {}", one.name);
            }
        }
    }
}
