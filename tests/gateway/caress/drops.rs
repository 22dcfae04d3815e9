//! More drops that are not what they say: half written, in another encoding, endless, written over, empty.

use super::*;

#[tokio::test]
async fn a_full_drop_without_a_single_client_is_not_believed() {
    let told = refusal(|dir| {
        change(dir, "clienten.csv", true, |text| {
            text.split_inclusive('\n').next().unwrap().to_owned()
        });
        change(dir, "manifest.json", false, |text| {
            let mut manifest: Value = serde_json::from_str(&text).unwrap();
            for file in manifest["files"].as_array_mut().unwrap() {
                if file["name"] == "clienten.csv" {
                    file["rows"] = 0.into();
                }
            }
            manifest.to_string()
        });
    })
    .await;
    assert!(told.contains("clienten.csv: has no row"), "{told}");
}

#[tokio::test]
async fn a_manifest_that_is_half_written_or_no_plain_file_changes_nothing() {
    for part in [0, 1, 100] {
        let told = refusal(|dir| change(dir, "manifest.json", false, |text| text[..part].to_owned())).await;
        assert!(told.contains("manifest.json: line"), "{told}");
    }
    let told = refusal(|dir| {
        change(dir, "manifest.json", false, |text| {
            format!("{text}{}", " ".repeat(1 << 20))
        })
    })
    .await;
    assert!(told.contains("larger than a manifest"), "{told}");
    let told = refusal(|dir| {
        std::fs::rename(dir.join("clienten.csv"), dir.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("elsewhere", dir.join("clienten.csv")).unwrap();
    })
    .await;
    assert!(told.contains("clienten.csv: cannot be read"), "{told}");
}

#[tokio::test]
async fn a_file_in_another_encoding_or_with_an_endless_row_changes_nothing() {
    let spoiled = |edit: fn(Vec<u8>) -> Vec<u8>| {
        refusal(move |dir| {
            let file = dir.join("contactpersonen.csv");
            let bytes = edit(std::fs::read(&file).unwrap());
            let old = hex(&sha256(&std::fs::read(&file).unwrap()));
            std::fs::write(&file, &bytes).unwrap();
            change(dir, "manifest.json", false, |text| {
                text.replace(&old, &hex(&sha256(&bytes)))
            });
        })
    };
    let told = spoiled(|bytes| {
        let text = String::from_utf8(bytes).unwrap().replacen("Hanneke", "Hann\u{e9}ke", 1);
        text.chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
            .collect()
    })
    .await;
    assert!(
        told.contains("contactpersonen.csv: row") && told.contains("is not UTF-8"),
        "{told}"
    );
    let told = spoiled(|mut bytes| {
        bytes.extend_from_slice(b"9;\"");
        bytes.resize(bytes.len() + (6 << 20), b'x');
        bytes
    })
    .await;
    assert!(told.contains("a quote may not be closed"), "{told}");
}

#[tokio::test]
async fn a_file_that_is_written_over_while_it_is_read_is_found_out() {
    let population = population();
    let drop = dropped(&population);
    let pull = Pull {
        clients: [population.cast().everything.to_string()].into(),
        reach: Reach::Full,
        agenda: date(2026, 1, 1)..date(2027, 12, 1),
        mark: None,
        today: date(2026, 11, 22),
    };
    let connector = connector(drop.path());
    let mut stream = connector.pull(pull);
    // The drop is checked, and the connector waits until its first events are taken.
    assert!(matches!(stream.next().await, Some(Ok(Event::Record(_)))));
    let file = drop.path().join("rapportages.csv");
    let bytes = std::fs::read(&file).unwrap();
    let other = String::from_utf8(bytes).unwrap().replace(";F;F;", ";F;T;");
    std::fs::write(&file, other).unwrap();
    let mut last = None;
    while let Some(event) = stream.next().await {
        last = Some(event);
    }
    let told = last.unwrap().unwrap_err().to_string();
    assert!(told.contains("rapportages.csv: changed while it was read"), "{told}");
}
