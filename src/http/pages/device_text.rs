//! The words of the page for the code of a device.

use super::text::texts;

texts! {
    fn device_texts;

    title: "Inloggen op een ander apparaat", "Log in on another device";
    intro: "Op het scherm van uw apparaat staat een code van acht letters. Typ die code hier over.",
        "The screen of your device shows a code of eight letters. Type that code here.";
    label: "Code van het apparaat", "Code of the device";
    button: "Verder", "Go on";
    wrong: "Deze code klopt niet of is verlopen. Kijk op uw apparaat of er een nieuwe code staat.",
        "This code is wrong or has expired. Look whether your device shows a new one.";
    warning: "U geeft een ander apparaat toegang. Doe dat alleen als u de code zelf van dat apparaat heeft overgetypt. Kreeg u \
              de code van iemand anders? Kies dan Weigeren.",
        "You are giving another device access. Do so only if you typed the code from that device yourself. Did somebody else \
         give you the code? Then choose Refuse.";
    done_title: "Kijk nu op uw apparaat", "Now look at your device";
    done: "U bent klaar. Op uw apparaat gaat het vanzelf verder. U kunt deze pagina sluiten.",
        "You are done. Your device goes on by itself. You can close this page.";
    denied: "U heeft geen toegang gegeven. Op uw apparaat gebeurt er niets.",
        "You gave no access. Nothing will happen on your device.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages_and_short() {
        crate::http::pages::text::are_plain(ALL);
    }
}
