//! When our certificate ends: the vendor signs it, which takes weeks, so somebody has to know a month before.

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::ecd::Error;

/// From here on somebody is warned.
pub const WARN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The last moment of the first certificate in `pem`.
///
/// # Errors
/// [`Error::Setting`] if there is no certificate in it.
pub fn ends(pem: &str) -> Result<Timestamp, Error> {
    let wrong = || Error::Setting {
        setting: "certificate_file",
        problem: "no certificate in PEM form found".to_owned(),
    };
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong())?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| wrong())?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).map_err(|_| wrong())
}

/// What to tell about a certificate that ends then; nothing when there is time.
pub fn warning(end: Timestamp, now: Timestamp) -> Option<String> {
    let left = end.duration_since(now);
    let date = end.strftime("%Y-%m-%d");
    if left.is_negative() || left.is_zero() {
        return Some(format!(
            "the certificate ended on {date}: the source admits nobody; ask its vendor for a new one"
        ));
    }
    (left <= WARN).then(|| {
        let days = left.as_hours() / 24;
        format!("the certificate ends on {date}, in {days} days: ask the vendor for a new one now")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(year: i32, month: u8, day: u8) -> String {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn the_end_is_read_and_told_thirty_days_before() {
        let end = ends(&certificate(2027, 1, 31)).unwrap();
        assert_eq!(end.to_string(), "2027-01-31T00:00:00Z");
        let told = |now: &str| warning(end, now.parse().unwrap());
        assert_eq!(told("2026-12-31T23:59:59Z"), None);
        assert!(told("2027-01-01T00:00:00Z").unwrap().contains("in 30 days"));
        assert!(told("2027-01-30T12:00:00Z").unwrap().contains("in 0 days"));
        assert!(told("2027-01-31T00:00:00Z").unwrap().contains("ended on 2027-01-31"));
    }

    #[test]
    fn what_is_no_certificate_is_told() {
        for text in [
            "",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "key",
        ] {
            assert!(matches!(ends(text), Err(Error::Setting { .. })), "{text}");
        }
    }
}
