//! Signing keys as an operator meets them: a gateway in production does not start without one.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::fresh;

fn run(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inzage"))
        .args(words)
        .args(["--config", "inzage.toml"])
        .current_dir(folder)
        .output()
        .expect("the program starts")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lines of `key list` as words: tenant, algorithm, id, standing, signs from, published until.
fn keys(folder: &Path, command: &[&str]) -> Vec<Vec<String>> {
    let output = run(folder, command);
    assert!(output.status.success(), "{command:?}: {output:?}");
    out(&output)
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

#[tokio::test]
async fn d20_a_gateway_in_production_does_not_start_without_a_key_and_says_how_to_make_one() {
    let fresh = fresh().await;
    let folder = fresh.folder.path();
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\npublic_url = \"https://gateway.example/\"\n\
         spool_dir = \".\"\n[database]\nurl = \"{}\"\n[secrets]\nmaster_key_file = \"master.key\"\n[sms]\ndir = \"outbox\"\n\
         [tenant.topaz]\nname = \"Topaz\"\n[tenant.amaris]\nname = \"Amaris\"\nid_token_alg = \"ES384\"\n",
        fresh.url
    );
    std::fs::write(folder.join("inzage.toml"), &text).unwrap();
    std::fs::write(folder.join("master.key"), "07".repeat(32)).unwrap();

    for (command, code) in [("serve", 2), ("check", 1)] {
        let output = run(folder, &[command]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{command}: {told}");
        assert!(told.contains("`inzage key generate`"), "{command}: {told}");
        assert!(told.contains("topaz") && told.contains("amaris"), "{command}: {told}");
    }

    let made = keys(folder, &["key", "generate"]);
    assert_eq!(made.len(), 6, "{made:?}");
    assert!(made.iter().all(|key| key[3] == "signing" && key[5] == "-"), "{made:?}");
    assert_eq!(keys(folder, &["key", "generate"]), made, "nothing is made twice");
    assert_eq!(run(folder, &["check"]).status.code(), Some(0));

    let rotate = ["key", "rotate", "--tenant", "topaz", "--alg", "ES256"];
    let rotated = keys(folder, &rotate);
    assert_eq!(rotated.len(), 4, "{rotated:?}");
    assert_eq!((rotated[0][1].as_str(), rotated[0][3].as_str()), ("ES256", "waiting"));
    assert_eq!(keys(folder, &rotate), rotated, "one that waits is enough");
    let old = made.iter().find(|key| key[0] == "topaz" && key[1] == "ES256").unwrap();
    let retire = |kid: &str| run(folder, &["key", "retire", "--tenant", "topaz", "--kid", kid]);
    let refused = retire(&old[2]);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("rotate --now"), "{told}");
    keys(folder, &[&rotate[..], &["--now"]].concat());
    assert!(retire(&old[2]).status.success());
    let left = keys(folder, &["key", "list", "--tenant", "topaz"]);
    let standing = |kid: &str| left.iter().find(|key| key[2] == kid).unwrap()[3].clone();
    assert_eq!(standing(&old[2]), "retired");
    assert_eq!(standing(&rotated[0][2]), "retired", "a newer one signs");
    let wrong = run(folder, &["key", "rotate", "--alg", "HS256"]);
    assert_eq!(wrong.status.code(), Some(2));

    // Under another master key nothing opens, and nothing is made in their place.
    std::fs::write(folder.join("master.key"), "08".repeat(32)).unwrap();
    let output = run(folder, &["serve"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("sealed under another master key"), "{told}");
}
