//! The words of the pages on which people change their account, and of those that a mailed link opens.

use jiff::SignedDuration;

use super::text::{Language, texts};
use crate::consent::{Part, Role};

texts! {
    fn own_texts;

    menu: "Uw gegevens en veiligheid", "Your details and security";
    menu_password: "Wachtwoord veranderen", "Change password";
    menu_mobile: "Mobiel nummer veranderen", "Change mobile number";
    menu_email: "E-mailadres veranderen", "Change e-mail address";
    menu_factors: "Andere manieren om in te loggen", "Other ways to log in";
    menu_share: "Wie mag meekijken", "Who may look along";
    menu_close: "Account sluiten", "Close account";
    back: "Terug naar uw account", "Back to your account";

    elsewhere: "Overal elders uitloggen", "Log out everywhere else";
    devices: "Vertrouwde apparaten", "Trusted devices";
    devices_more: "Hier logt u in zonder sms.", "Here you log in without a text message.";

    confirm_title: "Bent u het zelf?", "Is it really you?";
    confirm_intro: "Voor deze verandering vragen wij een nieuwe code. Zo kan niemand anders dit voor u doen.",
        "For this change we ask a new code. So nobody else can do this in your name.";
    confirm_sms: "Stuur mij een sms met een code", "Send me a text message with a code";

    password_intro: "Daarna bent u overal uitgelogd, behalve hier. Apps vragen u opnieuw om toegang.",
        "After this you are logged out everywhere but here. Apps will ask you for access again.";
    password_current: "Wachtwoord dat u nu heeft", "Your present password";
    password_wrong: "Het wachtwoord dat u nu heeft klopt niet.", "Your present password is wrong.";
    password_title: "Kies een nieuw wachtwoord", "Choose a new password";
    done_password: "Uw wachtwoord is veranderd.", "Your password was changed.";

    mobile_label: "Nieuw mobiel nummer", "New mobile number";
    mobile_hint: "Bijvoorbeeld 06 12345678. Wij sturen er een sms met een code heen.",
        "For example 06 12345678. We will send a text message with a code to it.";
    mobile_button: "Code sturen", "Send code";
    mobile_code: "Code uit de sms aan uw nieuwe nummer", "Code from the message to your new number";
    mobile_confirm: "Nummer veranderen", "Change number";
    mobile_wrong: "Dit is geen mobiel nummer waar wij een sms heen kunnen sturen.",
        "This is not a mobile number that we can send messages to.";
    done_mobile: "Uw mobiele nummer is veranderd.", "Your mobile number was changed.";

    email_label: "Nieuw e-mailadres", "New e-mail address";
    email_hint: "Wij sturen een mail met een link. Het adres verandert als u op de link klikt.",
        "We will send a mail with a link. The address changes when you click the link.";
    email_button: "Mail sturen", "Send mail";
    email_wrong: "Dit is geen e-mailadres.", "This is not an e-mail address.";
    email_sent: "Kijk in uw mail en klik op de link.", "Look in your mail and click the link.";
    email_confirm_title: "Klopt dit e-mailadres?", "Is this e-mail address right?";
    email_confirm_intro: "U opende de link die wij naar dit adres stuurden.", "You opened the link that we sent to this address.";
    email_confirm: "Ja, dit adres gebruiken", "Yes, use this address";
    done_email: "Uw e-mailadres is veranderd.", "Your e-mail address was changed.";

    app_title: "Inlogapp", "Authenticator app";
    app_intro: "Een app op uw telefoon kan de code maken. Dan heeft u geen sms nodig.",
        "An app on your phone can make the code. Then you need no text message.";
    app_begin: "Inlogapp instellen", "Set up an app";
    app_key: "Open deze link op uw telefoon, of typ de sleutel in de app.",
        "Open this link on your phone, or type the key into the app.";
    app_link: "Openen in de inlogapp", "Open in the app";
    app_code: "Code die de app laat zien", "Code that the app shows";
    app_confirm: "Inlogapp aanzetten", "Turn the app on";
    app_on: "Uw inlogapp staat aan.", "Your app is on.";
    app_remove: "Inlogapp uitzetten", "Turn the app off";
    app_stop: "Stoppen", "Stop";
    recovery_title: "Herstelcodes", "Recovery codes";
    recovery_intro: "Met een herstelcode logt u in als uw telefoon kwijt is. Elke code werkt een keer.",
        "With a recovery code you log in when your phone is lost. Each code works once.";
    recovery_button: "Nieuwe herstelcodes maken", "Make new recovery codes";
    recovery_shown: "Schrijf deze codes op en bewaar ze op een veilige plek. U ziet ze maar een keer. Oude codes werken niet meer.",
        "Write these codes down and keep them in a safe place. You see them only once. Old codes no longer work.";

    close_intro: "Daarna kunt u niet meer inloggen, en apps zien niets meer. Uw dossier blijft bij de zorgorganisatie.",
        "After this you cannot log in, and apps see nothing more. Your record stays with the care organisation.";
    close_button: "Ja, mijn account sluiten", "Yes, close my account";
    closed_title: "Uw account is gesloten", "Your account is closed";
    closed: "Wilt u later weer toegang? Vraag uw contactpersoon in de zorg.",
        "Do you want access again later? Ask your contact person in the care team.";

    share_intro: "U bepaalt wat een contactpersoon ziet. Een verandering geldt meteen, ook in apps.",
        "You decide what a contact person sees. A change counts at once, in apps too.";
    share_nothing: "U beheert geen dossier.", "You manage no record.";
    share_nobody: "Er kijkt niemand anders mee.", "Nobody else looks along.";
    share_of: "Dossier van", "Record of";
    share_parts: "Wat mag deze persoon zien?", "What may this person see?";
    share_manage: "Ook bepalen wie meekijkt", "Decide too who looks along";
    share_fixed: "Deze toegang regelt de zorgorganisatie.", "The care organisation arranges this access.";
    share_save: "Opslaan", "Save";
    share_contact: "Contactpersoon", "Contact person";
    share_representative: "Vertegenwoordiger", "Representative";
    share_client: "Cliënt", "Client";
    part_profile: "Gegevens: contactpersonen, verzekering en zorgteam", "Details: contact persons, insurance and care team";
    part_reports: "Rapportages en metingen", "Reports and measurements";
    part_plans: "Zorgplan", "Care plan";
    part_appointments: "Afspraken", "Appointments";

    trust: "Vertrouw dit apparaat", "Trust this device";
    trust_more: "U heeft hier dan een tijd geen sms nodig. Haal het vinkje weg als anderen dit apparaat ook gebruiken.",
        "You need no text message here for a while. Untick this if others use this device too.";
    email: "E-mailadres", "E-mail address";
    app_login_label: "Code uit uw inlogapp", "Code from your app";
    recovery_login_label: "Herstelcode", "Recovery code";
    recovery_login_hint: "Een code van uw lijst, bijvoorbeeld 7KQ2X-M4TRD.", "A code from your list, for example 7KQ2X-M4TRD.";
    other_ways: "Anders inloggen", "Another way";
    way_sms: "Met een sms-code", "With an SMS code";
    way_app: "Met uw inlogapp", "With your app";
    way_recovery: "Met een herstelcode", "With a recovery code";
    wrong_other: "De code klopt niet, of is al gebruikt.", "The code is wrong, or was used before.";
    not_recovery: "Dit is geen herstelcode. Typ de 10 letters en cijfers van uw lijst.",
        "This is not a recovery code. Type the 10 letters and digits from your list.";

    forgot_link: "Wachtwoord vergeten?", "Forgotten your password?";
    forgot_title: "Wachtwoord vergeten", "Forgotten password";
    forgot_intro: "Vul uw gegevens in. Wij sturen een mail met een link voor een nieuw wachtwoord.",
        "Fill in your details. We will send a mail with a link for a new password.";
    forgot_email: "E-mailadres dat wij van u kennen", "E-mail address that we know of you";
    forgot_button: "Mail sturen", "Send mail";
    forgot_sent_title: "Kijk in uw mail", "Look in your mail";
    forgot_sent: "Kloppen uw gegevens? Dan krijgt u nu een mail. De link daarin werkt een half uur. Geen mail? Vraag hulp aan uw contactpersoon in de zorg.",
        "Are your details right? Then you get a mail now. Its link works for half an hour. No mail? Ask your contact person in the care team.";
    link_over_title: "Deze link werkt niet meer", "This link no longer works";
    link_over: "De link is gebruikt of te oud. Vraag een nieuwe aan.", "The link was used or is too old. Ask for a new one.";
    link_password_intro: "Kies een wachtwoord dat alleen u weet.", "Choose a password that only you know.";
    link_done_title: "Gelukt", "Done";
    link_done_password: "Uw wachtwoord is opgeslagen. Log nu in via uw app.", "Your password was saved. Now log in through your app.";
}

impl Language {
    pub(super) fn mobile_now(self, hint: &str) -> String {
        self.pick(
            format!("Codes gaan nu naar {hint}."),
            format!("Codes now go to {hint}."),
        )
    }

    pub(super) fn part(self, part: Part) -> &'static str {
        let o = self.own_texts();
        match part {
            Part::Profile => o.part_profile,
            Part::Reports => o.part_reports,
            Part::Plans => o.part_plans,
            Part::Appointments => o.part_appointments,
        }
    }

    pub(super) fn looker(self, role: Role) -> &'static str {
        let o = self.own_texts();
        match role {
            Role::Client => o.share_client,
            Role::Contact => o.share_contact,
            Role::Representative => o.share_representative,
        }
    }

    /// Why nothing is changed yet for who has a new number.
    pub(super) fn new_number(self, wait: SignedDuration) -> String {
        let hours = (wait.as_secs() + 3_599) / 3_600;
        self.pick(
            format!(
                "Uw mobiele nummer is pas veranderd. Voor uw veiligheid kunt u dit over {hours} uur weer veranderen."
            ),
            format!(
                "Your mobile number was changed lately. For your safety you can change this again in {hours} hours."
            ),
        )
    }

    pub(super) fn share_end(self, name: &str) -> String {
        self.pick(
            format!("Toegang van {name} stoppen"),
            format!("End the access of {name}"),
        )
    }

    pub(super) fn recovery_left(self, left: i64) -> String {
        self.pick(
            format!("U heeft nog {left} codes."),
            format!("You have {left} codes left."),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages_and_short() {
        crate::http::pages::text::are_plain(ALL);
    }
}
