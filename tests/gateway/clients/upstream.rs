//! A gateway whose first factor is asked by somebody else's OpenID provider.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{answer, clients, has, node, package};

const PROGRAM: &str = env!("CARGO_BIN_EXE_inzage");

struct Gateway(Child);

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing left to do then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    listener.local_addr().expect("a bound port").port()
}

fn run(folder: &Path, words: &[&str]) {
    let output = Command::new(PROGRAM)
        .args(words)
        .current_dir(folder)
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn gateway(folder: &Path, issuer: &str) -> (Gateway, String) {
    let (port, admin) = (free_port(), free_port());
    let url = format!("http://127.0.0.1:{port}");
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("the folder is writable");
    write(
        "inzage.toml",
        format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\nadmin_listen = \"127.0.0.1:{admin}\"\npublic_url = \"{url}/\"\n\
             spool_dir = \".\"\n[database]\nurl = \"sqlite:inzage.db\"\n[secrets]\nmaster_key_file = \"master.key\"\n\
             [sms]\ndir = \"outbox\"\n[tenant.topaz]\nname = \"Topaz\"\n[tenant.topaz.upstream]\nname = \"DigiTest\"\n\
             issuer = \"{issuer}\"\nclient_id = \"inzage\"\nclient_secret_file = \"upstream.secret\"\n\
             levels = [\"low\", \"substantial\"]\nminimum = \"substantial\"\n"
        ),
    );
    write("upstream.secret", "upstream-secret\n".to_owned());
    write(
        "account.json",
        json!({"username": "m.bakker", "password": "Molen-Fiets-1234-Tulp", "mobile": "06-12345678", "name": "M. Bakker",
            "rights": [{"client": "10101", "role": "client"}]})
        .to_string(),
    );
    write(
        "link.json",
        json!({"username": "m.bakker", "subject": "anna-7731"}).to_string(),
    );
    write(
        "app.json",
        json!({"client_id": "upstream-app", "client_name": "App", "redirect_uris": ["http://127.0.0.1/callback"],
            "application_type": "native", "token_endpoint_auth_method": "none",
            "scope": "openid fhirUser launch/patient patient/*.rs"})
        .to_string(),
    );
    std::fs::create_dir(folder.join("outbox")).expect("the folder is writable");
    run(folder, &["key", "new", "--file", "master.key"]);
    let at = ["--config", "inzage.toml", "--tenant", "topaz", "--file"];
    for (command, file) in [
        (["account", "create"], "account.json"),
        (["account", "link"], "link.json"),
        (["app", "register"], "app.json"),
    ] {
        run(folder, &[&command[..], &at, &[file]].concat());
    }
    let log = std::fs::File::create(folder.join("serve.log")).expect("the folder is writable");
    let child = Command::new(PROGRAM)
        .args(["serve", "--config", "inzage.toml"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the program starts");
    let gateway = Gateway(child);
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the gateway did not come up");
        std::thread::sleep(Duration::from_millis(100));
    }
    (gateway, url)
}

#[test]
fn f27_a_provider_asks_for_the_first_factor_and_never_for_the_second() {
    if !has(
        "oidc-provider",
        &[node(), ("npm ci in tests/clients/node", package("oidc-provider"))],
    ) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let issuer = format!("http://127.0.0.1:{}", free_port());
    let (_gateway, url) = gateway(folder.path(), &issuer);
    let asked =
        json!({"issuer": issuer, "gateway": url, "tenant": "topaz", "outbox": folder.path().join("outbox/sms.jsonl")});
    let found = answer(
        Command::new("node")
            .arg(clients().join("node/upstream.mjs"))
            .arg(asked.to_string()),
    );
    let status = |name: &str| found[name]["status"].as_u64();

    assert_eq!(status("never_up"), Some(503), "{found}");
    assert_eq!(found["second_factor"], true, "{found}");
    assert_eq!(
        found["sent_away"],
        json!({"response_type": "code", "code_challenge_method": "S256", "acr_values": "substantial", "scope": "openid",
            "secrets": true})
    );
    for login in ["first", "new_keys"] {
        assert_eq!(found[login]["acr"], "substantial", "{login} {found}");
        assert_eq!(found[login]["amr"], json!(["sms", "mfa"]), "{login} {found}");
    }
    for (case, expected) in [
        ("again", 410),
        ("low", 403),
        ("stranger", 403),
        ("broken_off", 403),
        ("other_browser", 410),
        ("down", 503),
    ] {
        assert_eq!(status(case), Some(expected), "{case}: {found}");
    }
    assert_ne!(found["low"]["text"], found["stranger"]["text"]);
    assert_eq!(found["password"]["form"], false, "{found}");
    assert_eq!(found["password"]["otp"], false, "{found}");

    let log = std::fs::read_to_string(folder.path().join("serve.log")).expect("the log is there");
    for secret in ["upstream-secret", "Molen-Fiets", "anna-7731"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
