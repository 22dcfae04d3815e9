//! The chain on a real database: order, tampering, several writers, failure.

use super::*;
use crate::clock::Clock;
use crate::db::fresh::fresh;
use crate::db::{Db, Dialect, Sql, params};

const EDIT: Sql = Sql::both("UPDATE audit_line SET outcome = 'success' WHERE tenant = $1 AND seq = $2");
const REMOVE: Sql = Sql::both("DELETE FROM audit_line WHERE tenant = $1 AND seq = $2");
const CUT: Sql = Sql::both("DELETE FROM audit_line WHERE tenant = $1 AND seq >= $2");
const COUNT: Sql = Sql::both("SELECT count(*) FROM audit_line WHERE tenant = $1");
const BREAK: Sql = Sql::both("ALTER TABLE audit_line RENAME TO audit_line_gone");

fn topaz() -> TenantId {
    TenantId::parse("topaz").unwrap()
}

fn clock() -> Clock {
    Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap())
}

fn entry(tenant: &TenantId) -> Entry {
    Entry::new(tenant.clone(), Action::Read, Outcome::Refused("not-found"))
}

async fn run(db: &Db, sql: Sql, seq: i64) {
    let mut tx = db.begin().await.unwrap();
    tx.execute(sql, params![topaz().as_str(), seq]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn verdict(db: &Db) -> Verdict {
    verify(&mut db.read().await.unwrap(), &topaz()).await.unwrap()
}

async fn five_lines() -> (tempfile::TempDir, Db) {
    let (dir, db) = fresh().await;
    let recorder = Recorder::start(db.clone(), clock());
    for _ in 0..5 {
        recorder.record(entry(&topaz())).await.unwrap();
    }
    (dir, db)
}

#[tokio::test]
async fn every_statement_is_read_by_the_database() {
    let (_dir, db) = fresh().await;
    let mut tx = db.begin().await.unwrap();
    for (name, sql) in store::STATEMENTS {
        tx.prepare(*sql)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

#[tokio::test]
async fn lines_follow_a_known_end_only_while_the_chain_ends_there() {
    let (_dir, db) = five_lines().await;
    let (at, line) = (clock().now(), entry(&topaz()));
    let Verdict::Whole(end) = verdict(&db).await else {
        panic!("the chain is whole");
    };
    let append = async |end: &Head| {
        store::append_to(&db, &topaz(), end, &[(&line, at), (&line, at)])
            .await
            .unwrap()
    };
    let written = append(&end).await;
    if db.dialect() == Dialect::Sqlite {
        assert_eq!(written, None, "there are no round trips to save");
        assert!(matches!(verdict(&db).await, Verdict::Whole(Head { seq: 5, .. })));
        return;
    }
    let behind = written.expect("the chain still ended there");
    assert_eq!(verdict(&db).await, Verdict::Whole(behind.clone()));
    assert_eq!(behind.seq, 7);
    let forged = Head {
        hash: end.hash,
        ..behind.clone()
    };
    for over in [end, forged, Head::EMPTY] {
        assert_eq!(append(&over).await, None);
        assert_eq!(verdict(&db).await, Verdict::Whole(behind.clone()));
    }
}

#[tokio::test]
async fn an_untouched_chain_is_whole() {
    let (_dir, db) = five_lines().await;
    assert!(matches!(verdict(&db).await, Verdict::Whole(Head { seq: 5, .. })));
    let other = TenantId::parse("amaris").unwrap();
    let empty = verify(&mut db.read().await.unwrap(), &other).await.unwrap();
    assert_eq!(empty, Verdict::Whole(Head::EMPTY));
}

#[tokio::test]
async fn an_edited_line_shows_at_its_place() {
    let (_dir, db) = five_lines().await;
    run(&db, EDIT, 3).await;
    assert_eq!(verdict(&db).await, Verdict::Broken { seq: 3 });
}

#[tokio::test]
async fn a_removed_line_shows_at_its_place() {
    let (_dir, db) = five_lines().await;
    run(&db, REMOVE, 2).await;
    assert_eq!(verdict(&db).await, Verdict::Broken { seq: 2 });
}

#[tokio::test]
async fn a_cut_tail_shows_at_its_place() {
    let (_dir, db) = five_lines().await;
    run(&db, CUT, 4).await;
    assert_eq!(verdict(&db).await, Verdict::Broken { seq: 4 });
}

#[tokio::test]
async fn a_line_about_two_clients_is_written_for_each() {
    let (_dir, db) = fresh().await;
    let patients = ["a", "b"].map(|id| Id::parse(id).unwrap());
    let mut tx = db.begin().await.unwrap();
    write(&mut tx, &entry(&topaz()).about(&patients), clock().now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let lines = store::after(&mut db.read().await.unwrap(), &topaz(), 0, 10)
        .await
        .unwrap();
    let about: Vec<_> = lines.iter().map(|(line, _)| line.patient.as_deref()).collect();
    assert_eq!(about, [Some("a"), Some("b")]);
}

#[tokio::test]
async fn a_rolled_back_flow_leaves_no_line() {
    let (_dir, db) = fresh().await;
    let mut tx = db.begin().await.unwrap();
    write(&mut tx, &entry(&topaz()), clock().now()).await.unwrap();
    drop(tx);
    assert_eq!(verdict(&db).await, Verdict::Whole(Head::EMPTY));
}

#[tokio::test]
async fn two_replicas_and_a_flow_write_one_chain() {
    let (_dir, db) = fresh().await;
    let replicas = [1, 2].map(|_| Recorder::start(db.clone(), clock()));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100_usize {
        let (recorder, db) = (replicas[number % 2].clone(), db.clone());
        tasks.spawn(async move {
            if number % 10 == 0 {
                let mut tx = db.begin().await.unwrap();
                write(&mut tx, &entry(&topaz()), clock().now()).await.unwrap();
                tx.commit().await.unwrap();
            } else {
                recorder.record(entry(&topaz())).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert!(matches!(verdict(&db).await, Verdict::Whole(Head { seq: 100, .. })));
    let mut read = db.read().await.unwrap();
    let count = read
        .row(COUNT, params![topaz().as_str()])
        .await
        .unwrap()
        .unwrap()
        .int(0);
    assert_eq!(count, 100);
}

#[tokio::test]
async fn a_line_that_cannot_be_written_is_an_error() {
    let (_dir, db) = fresh().await;
    let recorder = Recorder::start(db.clone(), clock());
    let mut tx = db.begin().await.unwrap();
    tx.execute(BREAK, params![]).await.unwrap();
    tx.commit().await.unwrap();
    let error = recorder.record(entry(&topaz())).await.unwrap_err();
    assert!(matches!(error, Error::Database(_)), "{error:?}");
}
