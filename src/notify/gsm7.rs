//! The alphabet of SMS (3GPP TS 23.038): one letter outside it turns one message into two or three.
//!
//! ```
//! use inzage::notify::gsm7::{Unfit, check};
//! assert_eq!(check("uw inlogcode is 4821-639174"), Ok(()));
//! assert_eq!(check("cliënt"), Err(Unfit::Letter('ë')));
//! ```

/// The most that one message holds.
pub const LONGEST: usize = 160;

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// These take two places.
const EXTENDED: &str = "^{}\\[~]|€";

/// Why a text does not fit in one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("the letter {0:?} is not in the alphabet of SMS")]
    Letter(char),
    #[error("the text takes {0} places and an SMS has 160")]
    TooLong(usize),
}

/// Whether `text` is one SMS.
pub fn check(text: &str) -> Result<(), Unfit> {
    let mut places = 0;
    for letter in text.chars() {
        places += match letter {
            _ if BASIC.contains(letter) => 1,
            _ if EXTENDED.contains(letter) => 2,
            _ => return Err(Unfit::Letter(letter)),
        };
    }
    if places > LONGEST {
        Err(Unfit::TooLong(places))
    } else {
        Ok(())
    }
}

/// `text` with every letter that SMS lacks replaced by its nearest: for names out of the configuration.
pub fn fold(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if BASIC.contains(letter) && !letter.is_control() {
            out.push(letter);
        } else if let Some(plain) = letter
            .nfd()
            .next()
            .filter(|plain| BASIC.contains(*plain) && !plain.is_control())
        {
            out.push(plain);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_letter_too_many_or_from_outside_does_not_fit() {
        assert_eq!(check(&"a".repeat(160)), Ok(()));
        assert_eq!(check(&"a".repeat(161)), Err(Unfit::TooLong(161)));
        assert_eq!(check(&"€".repeat(81)), Err(Unfit::TooLong(162)));
        assert_eq!(check("één 😀"), Err(Unfit::Letter('😀')));
    }

    #[test]
    fn a_name_is_folded_into_the_alphabet() {
        assert_eq!(fold("Zorggroep Noël\n€"), "Zorggroep Noel");
        assert_eq!(check(&fold("Curaçao ŵŷ")), Ok(()));
    }
}
