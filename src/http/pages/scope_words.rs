//! Scopes in plain words: what an app may see, and the parts that a person can choose by themselves.

use super::text::Language;
use crate::fhir::types::ResourceType;
use crate::oauth::scope::{Action, Context, Data, Scope};

impl Language {
    /// A scope in plain words, and a second line where one is needed.
    pub(super) fn scope(self, scope: &Scope) -> (String, String) {
        match scope {
            Scope::Data(data) => (self.data(data), self.limits(data)),
            Scope::OfflineAccess => (self.texts().offline.to_owned(), self.texts().offline_more.to_owned()),
            // Not optional, so not on the page; the technical name is better than nothing.
            other => (other.to_string(), String::new()),
        }
    }

    fn data(self, data: &Data) -> String {
        let (dutch, english) = match data.kind {
            None => ("Alles in het dossier", "Everything in the record"),
            Some(ResourceType::Patient | ResourceType::Person) => ("Persoonsgegevens", "Personal details"),
            Some(ResourceType::RelatedPerson) => ("Contactpersonen", "Contact persons"),
            Some(ResourceType::Practitioner) => ("Namen van zorgverleners", "Names of care workers"),
            Some(ResourceType::PractitionerRole) => ("Werk van zorgverleners", "Jobs of care workers"),
            Some(ResourceType::Organization) => ("Namen van organisaties", "Names of organisations"),
            Some(ResourceType::CareTeam) => ("Wie er voor u zorgen", "The people who care for you"),
            Some(ResourceType::Coverage) => ("Verzekeringen", "Insurance"),
            Some(ResourceType::Consent) => ("Behandelwensen", "Treatment wishes"),
            Some(ResourceType::Contract) => ("Abonnementen", "Subscriptions"),
            Some(ResourceType::EpisodeOfCare) => ("Begin en einde van de zorg", "Beginning and end of care"),
            Some(ResourceType::Observation) => ("Rapportages en metingen", "Reports and measurements"),
            Some(ResourceType::Composition) => ("Uitgebreide rapportages", "Extended reports"),
            Some(ResourceType::DocumentReference) => ("Documenten", "Documents"),
            Some(ResourceType::Questionnaire | ResourceType::QuestionnaireResponse) => ("Formulieren", "Forms"),
            Some(ResourceType::CarePlan) => ("Zorgplan", "Care plan"),
            Some(ResourceType::Goal) => ("Doelen in het zorgplan", "Goals in the care plan"),
            Some(ResourceType::Condition) => ("Aandachtspunten en diagnoses", "Points of attention and diagnoses"),
            Some(ResourceType::Appointment) => ("Afspraken", "Appointments"),
        };
        self.pick(dutch.to_owned(), english.to_owned())
    }

    fn limits(self, data: &Data) -> String {
        let mut parts = Vec::new();
        if data.kind.is_none() {
            parts.push(self.pick(
                "Ook soorten gegevens die er later bij komen.".to_owned(),
                "Also kinds of data that are added later.".to_owned(),
            ));
        }
        let writes = [Action::Create, Action::Update, Action::Delete];
        if writes.iter().any(|action| data.actions.has(*action)) {
            parts.push(self.pick("Bekijken en veranderen.".to_owned(), "See and change.".to_owned()));
        }
        if data.context == Context::User {
            parts.push(self.pick(
                "Van iedereen van wie u het dossier mag bekijken.".to_owned(),
                "Of everybody whose record you may see.".to_owned(),
            ));
        }
        if !data.filters.is_empty() {
            let filters: Vec<String> = data
                .filters
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let filters = filters.join(", ");
            parts.push(self.pick(
                format!("Alleen een deel: {filters}."),
                format!("Only a part: {filters}."),
            ));
        }
        parts.join(" ")
    }

    /// A piece of a scope: a type, or a category of one.
    pub(super) fn piece(self, scope: &Scope) -> String {
        let Scope::Data(data) = scope else {
            return scope.to_string();
        };
        let category = data.filters.iter().find(|(name, _)| name == "category");
        let Some((_, value)) = category else {
            return self.data(data);
        };
        let (dutch, english) = match value.rsplit('|').next().unwrap_or_default() {
            "dag" => ("Dagrapportages", "Daily reports"),
            "medisch" => ("Medische rapportages", "Medical reports"),
            "voortgang" => ("Voortgang op doelen", "Progress on goals"),
            "familie" => ("Berichten van familie", "Messages of the family"),
            "omaha" => ("Rapportages volgens Omaha", "Reports by Omaha"),
            "soep" => ("SOEP-rapportages", "SOAP reports"),
            "vital-signs" => (
                "Metingen, zoals gewicht en bloeddruk",
                "Measurements, such as weight and blood pressure",
            ),
            "survey" => ("Vragenlijsten", "Questionnaires"),
            "problem-list-item" => ("Aandachtspunten", "Points of attention"),
            // A category that has no words here yet; its code is better than nothing.
            code => (code, code),
        };
        self.pick(dutch.to_owned(), english.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::scope::Scopes;

    #[test]
    fn scopes_read_as_sentences() {
        let scopes =
            Scopes::parse("patient/Observation.rs?category=vital-signs user/CarePlan.read offline_access").unwrap();
        let words: Vec<_> = scopes.iter().map(|scope| Language::Dutch.scope(scope)).collect();
        assert_eq!(words[0].0, "Rapportages en metingen");
        assert!(words[0].1.contains("category=vital-signs"));
        assert!(words[1].1.contains("iedereen"));
        assert!(words[2].1.contains("zonder dat u opnieuw inlogt"));
    }

    #[test]
    fn s11_every_category_that_can_be_given_by_itself_has_words_in_both_languages() {
        use crate::oauth::scope::{Choice, Pieces};
        let scopes = Scopes::parse("patient/Observation.rs patient/Condition.rs").unwrap();
        let mut told = Vec::new();
        for scope in scopes.iter() {
            let Pieces::Categories(pieces) = Choice::of(scope).pieces else {
                panic!("{scope} has no categories")
            };
            for piece in &pieces {
                let words = [Language::Dutch, Language::English].map(|language| language.piece(piece));
                let code = piece.to_string();
                assert!(
                    words
                        .iter()
                        .all(|words| words.contains(char::is_uppercase) && !code.ends_with(words)),
                    "{code}"
                );
                told.push(words);
            }
        }
        assert!(
            told.contains(&["Dagrapportages", "Daily reports"].map(str::to_owned)),
            "{told:?}"
        );
        assert!(
            told.contains(&["Aandachtspunten", "Points of attention"].map(str::to_owned)),
            "{told:?}"
        );
    }
}
