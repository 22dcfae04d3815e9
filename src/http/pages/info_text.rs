//! The words of the pages that anybody may read: help, terms, and what stands on the login page.

use super::text::texts;

texts! {
    fn info_texts;

    help: "Hulp", "Help";
    help_title: "Hulp bij inloggen", "Help with logging in";
    help_intro: "Lukt iets niet, of heeft u een vraag? Doe dit:", "Something not working, or a question? Do this:";
    manual: "Lees de handleiding", "Read the manual";
    version: "versie", "version";
    ask_first: "Vraag het eerst aan", "First ask";
    ask_default: "uw contactpersoon in de zorg", "your contact person in the care team";
    ask_next: "Komt u er samen niet uit? Vraag het dan aan", "Still stuck? Then ask";
    ask_phone: "Bel", "Call";
    ask_mail: "Mail naar", "Send mail to";
    videos: "Bekijk de video's met uitleg", "Watch the videos";
    urgent_title: "Heeft het haast?", "Is it urgent?";
    urgent: "Bel dan uw zorgteam, of bel 112 als iemand in gevaar is. Wat u hier typt leest niemand meteen.",
        "Call your care team, or 112 when somebody is in danger. Nobody reads at once what you type here.";
    reading_title: "Vragen over wat u leest", "Questions about what you read";
    reading: "Stel vragen over een rapportage aan de afdeling. Heeft een behandelaar de rapportage geschreven? Vraag het dan bij het \
              volgende gesprek.",
        "Ask the ward about a report. Was it written by a therapist? Then ask at your next talk.";
    nothing: "Een dag zonder rapportage is gewoon: er wordt geschreven als er iets bijzonders is.",
        "A day without a report is normal: something is written when there is something to tell.";
    times: "De tijden in de agenda zijn ongeveer. De zorg kan eerder of later komen.",
        "Times in the agenda are approximate. Care may come earlier or later.";
    representing: "Regelt u iets voor een ander? Lees wat daarbij hoort", "Acting for somebody else? Read what that means";
    device_title: "Uw computer of telefoon", "Your computer or phone";
    device: "Alles werkt op computer, tablet en telefoon, met een recente Chrome, Edge, Firefox of Safari. Wij kunnen uw eigen \
             apparaat niet repareren.",
        "Everything works on computer, tablet and phone, with a recent Chrome, Edge, Firefox or Safari. We cannot repair your \
         own device.";

    terms: "Voorwaarden", "Terms of use";
    terms_title: "Gebruiksvoorwaarden", "Terms of use";
    terms_none: "Deze organisatie heeft hier geen voorwaarden staan.", "This organisation has no terms here.";
    terms_from: "Deze voorwaarden gelden vanaf", "These terms apply from";
    terms_coming: "Nieuwe voorwaarden gelden vanaf", "New terms apply from";
    terms_read: "Lees ze alvast", "Read them now";
    terms_beside: "Daarnaast gelden:", "These also apply:";
    agree_title: "Gaat u akkoord met de voorwaarden?", "Do you agree to the terms?";
    agree_intro: "Lees de voorwaarden. Daarna kiest u of u akkoord gaat. Zonder akkoord krijgt de app geen gegevens.",
        "Read the terms. Then choose whether you agree. Without your agreement the app gets no data.";
    agree_yes: "Ik ga akkoord", "I agree";
    agree_no: "Ik ga niet akkoord", "I do not agree";

    register: "Voor het eerst hier? Registreer u eerst", "First time here? Register first";
    register_title: "Registreren", "Register";
    register_intro: "Dit doet u een keer. Gebruik het e-mailadres en het mobiele nummer die de organisatie van u kent.",
        "You do this once. Use the e-mail address and the mobile number that the organisation knows of you.";
    register_country: "Land van het nummer", "Country of the number";
    register_mobile: "Mobiel nummer", "Mobile number";
    register_why: "U heeft dit nummer nodig bij het inloggen: wij sturen er een code heen.",
        "You need this number to log in: we send a code to it.";
    register_privacy: "Ik heb dit gelezen:", "I have read this:";
    register_unticked: "Vink aan dat u de privacyverklaring heeft gelezen.", "Tick that you have read the privacy statement.";
    register_button: "Registreer", "Register";
    register_back: "Terug naar inloggen", "Back to logging in";
    register_help: "Klopt uw e-mailadres of nummer niet meer? Vraag uw contactpersoon in de zorg om het te veranderen.",
        "Is your e-mail address or number not right any more? Ask your contact person in the care team to change it.";
    register_sent_title: "Kijk in uw mail", "Look in your mail";
    register_sent: "Kent de organisatie u zo, dan krijgt u een mail met een link. Daarmee kiest u een wachtwoord. Daarna logt u in \
                    met een code per sms. Geen mail? Vraag uw contactpersoon in de zorg.",
        "If the organisation knows you like this, you get a mail with a link. Use it to choose a password. After that you log in \
         with a code in a text message. No mail? Ask your contact person in the care team.";

    contrast_on: "Hoog contrast", "High contrast";
    contrast_off: "Gewoon contrast", "Normal contrast";
    large_on: "Grote letters", "Large letters";
    large_off: "Gewone letters", "Normal letters";
    show_password: "Laat zien wat ik typ", "Show what I type";
    hide_password: "Verberg wat ik typ", "Hide what I type";

    privacy: "privacyverklaring", "privacy statement";
    privacy_read: "Lees onze", "Read our";
    privacy_by: "Met inloggen gaat u akkoord met onze", "By logging in you agree to our";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages_and_short() {
        crate::http::pages::text::are_plain(ALL);
    }
}
