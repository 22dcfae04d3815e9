use super::*;

#[test]
fn every_text_is_there_in_both_languages_and_short() {
    are_plain(ALL);
}

#[test]
fn the_first_language_that_the_pages_speak_is_taken() {
    assert_eq!(Language::first("fr-FR,en;q=0.8,nl;q=0.5", ','), Some(Language::English));
    assert_eq!(Language::first("nl-NL en", ' '), Some(Language::Dutch));
    assert_eq!(Language::first("de", ','), None);
}

#[test]
fn waiting_times_are_told_in_words() {
    let secs = SignedDuration::from_secs;
    assert!(Language::Dutch.wait(secs(30)).contains("30 seconden"));
    assert!(Language::English.wait(secs(3_600)).contains("60 minutes"));
    assert!(
        Language::Dutch
            .again_after(SignedDuration::from_millis(500))
            .contains("1 seconde")
    );
}
