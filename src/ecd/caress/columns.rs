//! The files of a drop and the columns that are read from them.
//!
//! # Design
//! ASSUMPTION: file names, column names and their meaning, all of them. A column that is missing makes the drop
//! unusable; a column that is not named here is never read, so what must not travel (the BSN, a calling name, whether a
//! contact uses the portal) stays in the file.

use crate::ecd::Kind;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// The row's own key, handed on as `id`.
    Id,
    /// The key of another row: digits.
    Key,
    /// The client of a row that has no key of its own.
    Owner,
    Text,
    /// Text that may be RTF, as `TekstFormaat` says.
    Rich,
    /// `T` or `F`.
    Flag,
    /// `A` (active) or `N`.
    Active,
    /// `yyyy-MM-dd`; `2200-01-01` for none.
    Day,
    /// `yyyy-MM-dd-HH.mm.ss.ffffff`, local.
    Moment,
}

/// One file of a drop.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub file: &'static str,
    /// None for what is only joined.
    pub kind: Option<Kind>,
    pub columns: &'static [(&'static str, Cell)],
    /// The column that decides between duplicates: the later stamp stays.
    pub stamp: Option<&'static str>,
}

pub const EMPLOYEES: Table = Table {
    file: "medewerkers.csv",
    kind: Some(Kind::Employee),
    columns: &[
        ("SysId", Cell::Id),
        ("Id", Cell::Text),
        ("Name", Cell::Text),
        ("Discipline", Cell::Text),
        ("Status", Cell::Active),
        ("Mutatie", Cell::Moment),
    ],
    stamp: Some("Mutatie"),
};

pub const CLIENTS: Table = Table {
    file: "clienten.csv",
    kind: Some(Kind::Client),
    columns: &[
        ("ClientSysId", Cell::Id),
        ("Clientnummer", Cell::Text),
        ("Voorletters", Cell::Text),
        ("Voornamen", Cell::Text),
        ("Roepnaam", Cell::Text),
        ("Geboortenaam", Cell::Text),
        ("VoorvoegselGeboortenaam", Cell::Text),
        ("Partnernaam", Cell::Text),
        ("VoorvoegselPartnernaam", Cell::Text),
        ("Naamgebruik", Cell::Text),
        ("Geslacht", Cell::Text),
        ("Geboortedatum", Cell::Day),
        ("Overlijdensdatum", Cell::Day),
        ("ZorgBegin", Cell::Day),
        ("ZorgEinde", Cell::Day),
        ("Straat", Cell::Text),
        ("Huisnummer", Cell::Text),
        ("Toevoeging", Cell::Text),
        ("Postcode", Cell::Text),
        ("Woonplaats", Cell::Text),
        ("Telefoon", Cell::Text),
        ("Mobiel", Cell::Text),
        ("Email", Cell::Text),
        ("Geheim", Cell::Flag),
        ("Mutatie", Cell::Moment),
    ],
    stamp: Some("Mutatie"),
};

pub const CONTACTS: Table = Table {
    file: "contactpersonen.csv",
    kind: Some(Kind::ContactRelation),
    columns: &[
        ("ContactSysId", Cell::Id),
        ("ClientSysId", Cell::Key),
        ("Voornaam", Cell::Text),
        ("Achternaam", Cell::Text),
        ("Relatie", Cell::Text),
        ("Rol", Cell::Text),
        ("WettelijkVertegenwoordiger", Cell::Flag),
        ("Noodcontact", Cell::Flag),
        ("Email", Cell::Text),
        ("Mobiel", Cell::Text),
        ("Mutatie", Cell::Moment),
    ],
    stamp: Some("Mutatie"),
};

/// Several rows for each client, and no key: see `around`.
pub const CARE_PROVIDERS: Table = Table {
    file: "huisarts_apotheek.csv",
    kind: None,
    columns: &[
        ("ClientSysId", Cell::Owner),
        ("Soort", Cell::Text),
        ("AGB", Cell::Text),
        ("Naam", Cell::Text),
        ("Telefoon", Cell::Text),
    ],
    stamp: None,
};

pub const ACCESS: Table = Table {
    file: "dossiertoegang.csv",
    kind: None,
    columns: &[
        ("ClientSysId", Cell::Owner),
        ("MedewerkerSysId", Cell::Key),
        ("Rol", Cell::Text),
        ("Van", Cell::Day),
        ("Tot", Cell::Day),
    ],
    stamp: None,
};

pub const INSURANCES: Table = Table {
    file: "verzekeringen.csv",
    kind: None,
    columns: &[
        ("ClientSysId", Cell::Owner),
        ("UZOVI", Cell::Text),
        ("Verzekeraar", Cell::Text),
        ("Soort", Cell::Text),
        ("Polisnummer", Cell::Text),
        ("Pakket", Cell::Text),
        ("Van", Cell::Day),
        ("Tot", Cell::Day),
    ],
    stamp: None,
};

pub const SUBSCRIPTIONS: Table = Table {
    file: "abonnementen.csv",
    kind: None,
    columns: &[
        ("ClientSysId", Cell::Owner),
        ("Omschrijving", Cell::Text),
        ("Prijs", Cell::Text),
        ("Van", Cell::Day),
        ("Tot", Cell::Day),
    ],
    stamp: None,
};

pub const PLANS: Table = Table {
    file: "zorgplannen.csv",
    kind: Some(Kind::CarePlan),
    columns: &[
        ("PlanSysId", Cell::Id),
        ("ClientSysId", Cell::Key),
        ("Soort", Cell::Text),
        ("Status", Cell::Text),
        ("Van", Cell::Day),
        ("Tot", Cell::Day),
        ("VolgendeEvaluatie", Cell::Day),
        ("OpgesteldDoor", Cell::Key),
        ("AkkoordOp", Cell::Day),
    ],
    stamp: None,
};

pub const PLAN_LINES: Table = Table {
    file: "zorgplan_regels.csv",
    kind: None,
    columns: &[
        ("RegelSysId", Cell::Id),
        ("PlanSysId", Cell::Key),
        ("Volgnr", Cell::Key),
        ("Domein", Cell::Text),
        ("Aandachtspunt", Cell::Text),
        ("Doel", Cell::Text),
        ("Streefdatum", Cell::Day),
        ("Acties", Cell::Text),
        ("Discipline", Cell::Text),
        ("Voortgang", Cell::Text),
        ("Streefwaarde", Cell::Text),
        ("OmahaKennis", Cell::Text),
        ("OmahaGedrag", Cell::Text),
        ("OmahaStatus", Cell::Text),
        ("StreefKennis", Cell::Text),
        ("StreefGedrag", Cell::Text),
        ("StreefStatus", Cell::Text),
    ],
    stamp: None,
};

/// What a client wants or does not want to be done.
pub const WISHES: Table = Table {
    file: "behandelwensen.csv",
    kind: Some(Kind::TreatmentWish),
    columns: &[
        ("WensSysId", Cell::Id),
        ("ClientSysId", Cell::Key),
        ("Behandeling", Cell::Text),
        ("Besluit", Cell::Text),
        ("Toelichting", Cell::Text),
        ("Datum", Cell::Day),
        ("Tot", Cell::Day),
        ("Status", Cell::Text),
        ("Vertrouwelijk", Cell::Flag),
        ("Verborgen", Cell::Flag),
        ("Gewijzigd", Cell::Moment),
    ],
    stamp: Some("Gewijzigd"),
};

pub const AGENDA: Table = Table {
    file: "afspraken.csv",
    kind: Some(Kind::AgendaOccurrence),
    columns: &[
        ("AfspraakSysId", Cell::Id),
        ("ClientSysId", Cell::Key),
        ("Omschrijving", Cell::Text),
        ("Van", Cell::Moment),
        ("Tot", Cell::Moment),
        ("MedewerkerSysId", Cell::Key),
        ("Soort", Cell::Text),
        ("Locatie", Cell::Text),
        ("Prive", Cell::Flag),
        ("ClientAanwezig", Cell::Flag),
        ("ReeksSysId", Cell::Key),
        ("Status", Cell::Active),
        ("Gewijzigd", Cell::Moment),
    ],
    stamp: Some("Gewijzigd"),
};

pub const REPORTS: Table = Table {
    file: "rapportages.csv",
    kind: Some(Kind::Report),
    columns: &[
        ("RapportSysId", Cell::Id),
        ("ClientSysId", Cell::Key),
        ("TypeCode", Cell::Text),
        ("Datumtijd", Cell::Moment),
        ("MedewerkerSysId", Cell::Key),
        ("Tekst", Cell::Rich),
        ("TekstFormaat", Cell::Text),
        ("S", Cell::Rich),
        ("O", Cell::Rich),
        ("E", Cell::Rich),
        ("P", Cell::Rich),
        ("Waarde", Cell::Text),
        ("Eenheid", Cell::Text),
        ("Waarde2", Cell::Text),
        ("ZorgplanRegelSysId", Cell::Key),
        ("Vertrouwelijk", Cell::Flag),
        ("Verborgen", Cell::Flag),
        ("Gewijzigd", Cell::Moment),
    ],
    stamp: Some("Gewijzigd"),
};

/// Forms that were filled in.
pub const FORMS: Table = Table {
    file: "formulieren.csv",
    kind: Some(Kind::SurveyResult),
    columns: &[
        ("FormulierSysId", Cell::Id),
        ("ClientSysId", Cell::Key),
        ("TypeCode", Cell::Text),
        ("Status", Cell::Text),
        ("Datumtijd", Cell::Moment),
        ("MedewerkerSysId", Cell::Key),
        ("Vertrouwelijk", Cell::Flag),
        ("Verborgen", Cell::Flag),
        ("Gewijzigd", Cell::Moment),
    ],
    stamp: Some("Gewijzigd"),
};

pub const ANSWERS: Table = Table {
    file: "formulier_antwoorden.csv",
    kind: None,
    columns: &[
        ("AntwoordSysId", Cell::Id),
        ("FormulierSysId", Cell::Key),
        ("Volgnr", Cell::Key),
        ("Vraag", Cell::Text),
        ("Antwoord", Cell::Text),
    ],
    stamp: None,
};

/// The code is the key here, and it is text. A type that is a form is a record of its own.
pub const REPORT_TYPES: Table = Table {
    file: "rapporttypes.csv",
    kind: Some(Kind::Survey),
    columns: &[
        ("TypeCode", Cell::Text),
        ("Omschrijving", Cell::Text),
        ("IsFormulier", Cell::Flag),
        ("Nummer", Cell::Key),
        ("VrijgevenAanPortaal", Cell::Flag),
    ],
    stamp: None,
};

/// What is gone since the drop before. A delta must have it; a full drop says by leaving out.
pub const DELETED: Table = Table {
    file: "verwijderd.csv",
    kind: None,
    columns: &[
        ("SysId", Cell::Text),
        ("Bestand", Cell::Text),
        ("VerwijderdOp", Cell::Moment),
    ],
    stamp: None,
};

/// Every file that a drop must have.
pub const TABLES: [&Table; 15] = [
    &EMPLOYEES,
    &CLIENTS,
    &CONTACTS,
    &CARE_PROVIDERS,
    &ACCESS,
    &INSURANCES,
    &SUBSCRIPTIONS,
    &PLANS,
    &PLAN_LINES,
    &WISHES,
    &AGENDA,
    &FORMS,
    &ANSWERS,
    &REPORTS,
    &REPORT_TYPES,
];
