//! Mobile telephone numbers that may get a code.
//!
//! # Design
//! Only mobile ranges of the Netherlands, Belgium and Germany: premium, satellite and far-away numbers cost money and are what
//! SMS fraud lives on.

use zeroize::Zeroize as _;

use crate::config::Country;

/// A mobile number in international form, for example `+31612345678`.
#[derive(Clone, PartialEq, Eq)]
pub struct Number(String);

impl Number {
    /// Reads what people write: `06-12345678`, `0031 6 12345678`, `+31612345678`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 32 {
            return None;
        }
        let plain: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')'))
            .collect();
        let number = if let Some(rest) = plain.strip_prefix("00") {
            format!("+{rest}")
        } else if let Some(rest) = plain.strip_prefix('0') {
            format!("+31{rest}")
        } else {
            plain
        };
        let digits = number.strip_prefix('+')?;
        let mobile = match digits.get(..2)? {
            "31" => digits.len() == 11 && digits[2..].starts_with('6'),
            "32" => digits.len() == 11 && digits[2..].starts_with('4'),
            "49" => {
                (12..=13).contains(&digits.len())
                    && ["15", "16", "17"].iter().any(|start| digits[2..].starts_with(start))
            }
            _ => false,
        };
        (mobile && digits.bytes().all(|b| b.is_ascii_digit())).then_some(Self(number))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn country(&self) -> Country {
        match self.0.get(1..3) {
            Some("32") => Country::Belgium,
            Some("49") => Country::Germany,
            _ => Country::Netherlands,
        }
    }

    /// What it shares with the numbers beside it: the first seven digits.
    pub fn prefix(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }

    /// All but the last two digits hidden, as a page may show it: `06-••••••78`.
    pub fn hint(&self) -> String {
        let last = &self.0[self.0.len() - 2..];
        match self.0.strip_prefix("+31") {
            Some(_) => format!("06-••••••{last}"),
            None => format!("{} ••••••{last}", &self.0[..3]),
        }
    }
}

impl std::fmt::Debug for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Number(…)")
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mobile_number_is_read_as_people_write_it() {
        for text in ["06-12345678", "0612345678", "+31 6 1234 5678", "0031612345678"] {
            assert_eq!(Number::parse(text).unwrap().as_str(), "+31612345678", "{text}");
        }
        assert_eq!(Number::parse("+32470123456").unwrap().hint(), "+32 ••••••56");
        assert!(Number::parse("+4915112345678").is_some());
    }

    #[test]
    fn a_number_that_costs_money_or_is_no_mobile_is_refused() {
        for text in [
            "0900-1234567",
            "+8812345678901",
            "0201234567",
            "+3161234567",
            "0612345678x",
            "٠٦١٢٣٤٥٦٧٨",
            "",
            "+",
        ] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }
}
