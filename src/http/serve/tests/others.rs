//! The gateway's TLS as the programs of others see it.

use std::process::{Command, Output};

use super::{ANSWER, Served};
use crate::config::TlsPreset;
use crate::http::serve::Waits;
use crate::http::tls::tests::{HOST, Said};

/// A program of others, or `None` with a message where it is not installed.
fn program(name: &str, words: &[&str], settings: Option<&std::path::Path>) -> Option<Output> {
    let mut command = Command::new(name);
    command.args(words).stdin(std::process::Stdio::null());
    if let Some(file) = settings {
        command.env("OPENSSL_CONF", file);
    }
    let output = command.output().ok();
    if output.is_none() {
        println!("skipped: {name} is not installed");
    }
    output
}

#[tokio::test(flavor = "multi_thread")]
async fn h8_what_openssl_finds() {
    let served = Served::new(Some(TlsPreset::Voldoende), Waits::default()).await;
    let address = served.address.to_string();
    let folder = tempfile::tempdir().unwrap();
    let no_ems = folder.path().join("no-ems.cnf");
    let text = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nOptions = -ExtendedMasterSecret\n";
    std::fs::write(&no_ems, text).unwrap();
    let tls12 = ["-tls1_2"];
    for (name, words, settings, fine) in [
        ("TLS 1.3", &["-tls1_3"][..], None, true),
        ("TLS 1.2", &tls12, None, true),
        ("TLS 1.1", &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], None, false),
        ("TLS 1.0", &["-tls1", "-cipher", "ALL:@SECLEVEL=0"], None, false),
        (
            "no forward secrecy",
            &["-tls1_2", "-cipher", "kRSA:@SECLEVEL=0"],
            None,
            false,
        ),
        (
            "finite-field DHE",
            &["-tls1_2", "-cipher", "kDHE:@SECLEVEL=0"],
            None,
            false,
        ),
        (
            "CBC",
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA"],
            None,
            false,
        ),
        (
            "AES-CCM",
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-CCM"],
            None,
            false,
        ),
        (
            "GCM",
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
            None,
            true,
        ),
        ("brainpool", &["-tls1_2", "-curves", "brainpoolP256r1"], None, false),
        (
            "P-224",
            &["-tls1_2", "-cipher", "ALL:@SECLEVEL=0", "-curves", "P-224"],
            None,
            false,
        ),
        ("P-256", &["-tls1_3", "-curves", "P-256"], None, true),
        ("no extended master secret", &tls12, Some(no_ems.as_path()), false),
    ] {
        let words = [&["s_client", "-connect", &address, "-servername", HOST], words].concat();
        let Some(output) = tokio::task::block_in_place(|| program("openssl", &words, settings)) else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let shaken = !said.contains("Cipher is (NONE)") && said.contains("Cipher is ");
        assert_eq!(shaken, fine, "{name}: {said}");
        if fine {
            assert!(said.contains("Compression: NONE"), "{name}: {said}");
            assert!(!said.contains("Early data was accepted"), "{name}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_reads_over_each_version_of_http() {
    // curl knows no other time than today's.
    let said = Said {
        years: (2020, 2039),
        ..Said::default()
    };
    let served = Served::with(Some(TlsPreset::Voldoende), Waits::default(), &said).await;
    let port = served.address.port();
    let (url, resolve) = (format!("https://{HOST}:{port}/"), format!("{HOST}:{port}:127.0.0.1"));
    let authority = served.signer.authority_file();
    let authority = authority.to_str().unwrap();
    for (version, told) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let words = [
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--cacert",
            authority,
            "--resolve",
            &resolve,
            version,
            "--write-out",
            " %{http_version}",
            &url,
        ];
        let Some(output) = tokio::task::block_in_place(|| program("curl", &words, None)) else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, format!("{ANSWER} {told}"), "{version}: {error}");
    }
}
