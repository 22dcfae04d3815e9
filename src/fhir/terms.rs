//! Names of code systems, identifier systems and profiles: one constant each, so that none is typed twice.

/// Canonical prefix of this project's own StructureDefinitions.
pub const OWN_PROFILES: &str = "https://inzage.dev/fhir/StructureDefinition/";
/// Canonical prefix of HL7's StructureDefinitions.
pub const HL7_PROFILES: &str = "http://hl7.org/fhir/StructureDefinition/";
/// Canonical prefix of the Dutch nl-core profiles.
pub const NL_CORE_PROFILES: &str = "http://nictiz.nl/fhir/StructureDefinition/";

pub const SNOMED: &str = "http://snomed.info/sct";
pub const LOINC: &str = "http://loinc.org";
pub const UCUM: &str = "http://unitsofmeasure.org";
pub const OBSERVATION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
pub const CONDITION_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
pub const CONSENT_SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
pub const CONDITION_VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
pub const ROLE_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
pub const NULL_FLAVOR: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";
/// Why a value is not there, as an extension on the element.
pub const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// The Dutch citizen service number; its value never leaves the gateway by default.
pub const BSN: &str = "http://fhir.nl/fhir/NamingSystem/bsn";
/// Care provider number of a person.
pub const AGB_Z: &str = "http://fhir.nl/fhir/NamingSystem/agb-z";
/// Register number of a care organisation.
pub const URA: &str = "http://fhir.nl/fhir/NamingSystem/ura";
/// Register number of a professional (UZI card).
pub const UZI_PERSON: &str = "http://fhir.nl/fhir/NamingSystem/uzi-nr-pers";
/// Register number of a professional (BIG register).
pub const BIG: &str = "http://fhir.nl/fhir/NamingSystem/big";
/// Roles of a contact person (Dutch code list 472).
pub const ROL: &str = "urn:oid:2.16.840.1.113883.2.4.3.11.22.472";
/// Kinds of care provider (AGB); `meta.tag` carries the kind of care.
pub const CARE_KIND: &str = "urn:oid:2.16.840.1.113883.2.4.6.7";

/// SNOMED: report of a contact with a patient (the code of a rapportage).
pub const PATIENT_CONTACT_REPORT: &str = "11591000146107";
