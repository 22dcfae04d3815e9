//! What it costs: `cargo test --release --lib speed -- --ignored --nocapture`, with `INZAGE_TEST_DATABASE` for PostgreSQL.

use std::time::Instant;

use super::*;
use crate::db::{Dialect, Param, Sql, params};
use crate::resource::Draft;

const CLIENTS: usize = 200;
const EACH: usize = 500;

fn rapportage(client: usize, number: usize) -> Draft {
    let day = 1 + number % 28;
    let month = 1 + number / 28 % 12;
    let vital = number.is_multiple_of(5);
    let (system, code) = if vital {
        ("http://loinc.org", "29463-7")
    } else {
        ("http://snomed.info/sct", "11591000146107")
    };
    let text = "Mevrouw heeft goed geslapen en samen met de zorg ontbeten. Vanmiddag is zij met haar dochter in de \
                tuin geweest; daarna was zij moe, maar tevreden. Bij het avondeten at zij de helft. Geen pijn gemeld.";
    let name = format!("{client:016x}{number:016x}");
    let patient = format!("{client:032x}");
    draft(
        OBSERVATION,
        &name,
        Some(&patient),
        json!({
            "identifier": [{"system": "urn:oid:2.16.840.1.113883.2.4.3.11.999.1", "value": name}],
            "status": "final",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": if vital { "vital-signs" } else { "exam" }}]}],
            "code": {"coding": [{"system": system, "code": code, "display": "patiëntcontactverslag"}]},
            "subject": {"reference": format!("Patient/{patient}"), "display": "Mevrouw J. de Vries-Bakker"},
            "effectiveDateTime": format!("2026-{month:02}-{day:02}T{:02}:{:02}:00+01:00", number % 24, number % 60),
            "performer": [{"reference": format!("Practitioner/{:032x}", number % 40), "display": "A. Jansen, verzorgende IG"}],
            "valueString": text,
        }),
    )
}

fn rate(what: &str, count: usize, since: Instant) {
    let seconds = since.elapsed().as_secs_f64();
    println!("{what}: {count} in {seconds:.2} s, {:.0}/s", count as f64 / seconds);
}

#[tokio::test]
#[ignore = "measures"]
async fn speed() {
    let (dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let dossiers: Vec<Vec<_>> = (0..CLIENTS)
        .map(|c| (0..EACH).map(|n| rapportage(c, n)).collect())
        .collect();
    let json: usize = dossiers.iter().flatten().map(|draft| draft.body.len() + 60).sum();
    let all = CLIENTS * EACH;
    for what in ["first load", "unchanged"] {
        let since = Instant::now();
        for drafts in &dossiers {
            store(&db, &topaz, 0, drafts).await;
        }
        rate(what, all, since);
    }
    size(&db, dir.path(), json).await;

    let visible: Vec<_> = (0..CLIENTS)
        .map(|client| all_of(&topaz, &[&format!("{client:032x}")]))
        .collect();
    let mut conn = db.read().await.unwrap();
    let since = Instant::now();
    for turn in 0..2_000 {
        let (client, number) = (turn * 7 % CLIENTS, turn * 13 % EACH);
        let name = id(&format!("{client:016x}{number:016x}"));
        assert!(
            read(&mut conn, &visible[client], OBSERVATION, &name)
                .await
                .unwrap()
                .is_some()
        );
    }
    rate("read", 2_000, since);
    let code = "http://loinc.org|29463-7";
    for (pairs, full) in [
        (&[("_sort", "-date")][..], true),
        (&[("_sort", "-date"), ("date", "ge2026-03-01")], true),
        (&[("code", code), ("_sort", "-date")], true),
        (
            &[("code", code), ("date", "ge2026-03-01"), ("date", "lt2026-04-01")],
            false,
        ),
        (&[("code", "absent")], false),
        (&[("_sort", "-_lastUpdated")], true),
        (&[("_sort", "-date"), ("_total", "accurate")], true),
    ] {
        let query = query(OBSERVATION, pairs);
        let since = Instant::now();
        for turn in 0..1_000 {
            let page = Page { size: 20, after: None };
            let found = search(&mut conn, &visible[turn % CLIENTS], &query, &page)
                .await
                .unwrap();
            assert_eq!(found.entries.len() == 20, full, "{pairs:?}");
        }
        rate(&format!("page {pairs:?}"), 1_000, since);
    }
    plan(&mut conn, &visible[0]).await;
}

async fn size(db: &Db, dir: &std::path::Path, json: usize) {
    let bytes = match db.dialect() {
        Dialect::Sqlite => {
            let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
            let main = files.filter(|file| file.path().extension().is_some_and(|end| end == "db"));
            main.map(|file| file.metadata().unwrap().len()).sum::<u64>()
        }
        Dialect::Postgres => {
            const SIZE: Sql = Sql::both("SELECT pg_database_size(current_database())");
            let row = db.read().await.unwrap().row(SIZE, params![]).await.unwrap().unwrap();
            u64::try_from(row.int(0)).unwrap()
        }
    };
    println!(
        "database: {bytes} bytes, {:.2} times the JSON",
        bytes as f64 / json as f64
    );
}

/// Prints how the database walks the timeline.
async fn plan(conn: &mut Conn, visible: &Visible) {
    let cursor = Cursor {
        first: 0,
        second: 0,
        updated: 0,
        key: 9,
        horizon: 99,
        id: id("a"),
    };
    for (pairs, after) in [
        (&[("_sort", "-date")][..], None),
        (&[("date", "ge2026-03-01"), ("code", "a")], Some(cursor)),
        (&[("_sort", "_id")], None),
        (&[("_id", "a,b")], None),
    ] {
        let page = Page { size: 20, after };
        let built = super::sql::page(conn.dialect(), visible, &query(OBSERVATION, pairs), &page).unwrap();
        let (explain, column) = match conn.dialect() {
            Dialect::Sqlite => ("EXPLAIN QUERY PLAN ", 3),
            Dialect::Postgres => ("EXPLAIN ", 0),
        };
        let params: Vec<Param<'_>> = built.params;
        let rows = conn
            .rows_built(format!("{explain}{}", built.text), &params)
            .await
            .unwrap();
        println!("{pairs:?}");
        rows.iter().for_each(|row| println!("    {}", row.text(column)));
    }
}
