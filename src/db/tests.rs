use super::fresh::fresh;
use super::*;

const CREATE: Sql = Sql::both("CREATE TABLE sample (id BIGINT NOT NULL, name TEXT NOT NULL, body TEXT)");
const UNIQUE_INDEX: Sql = Sql::both("CREATE UNIQUE INDEX sample_name ON sample (name)");
const ADD: Sql = Sql::both("INSERT INTO sample (id, name) VALUES ($1, $2)");
const COUNT: Sql = Sql::both("SELECT count(*) FROM sample");
const NAME: Unique = Unique {
    name: "sample_name",
    columns: "sample.name",
};

async fn count(db: &Db) -> i64 {
    db.read()
        .await
        .unwrap()
        .row(COUNT, params![])
        .await
        .unwrap()
        .unwrap()
        .int(0)
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    let (_dir, db) = fresh().await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(CREATE, params![]).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = db.begin().await.unwrap();
    tx.execute(ADD, params![1, "gone"]).await.unwrap();
    drop(tx);
    assert_eq!(count(&db).await, 0);

    let mut tx = db.begin().await.unwrap();
    tx.execute(ADD, params![1, "kept"]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_unique_constraint_is_known_by_name() {
    let (_dir, db) = fresh().await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(CREATE, params![]).await.unwrap();
    tx.execute(UNIQUE_INDEX, params![]).await.unwrap();
    tx.execute(ADD, params![1, "a"]).await.unwrap();
    let error = tx.execute(ADD, params![2, "a"]).await.unwrap_err();
    assert!(error.violates(&NAME), "{error:?}");
}

#[tokio::test]
async fn many_rows_go_in_with_few_statements() {
    let (_dir, db) = fresh().await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(CREATE, params![]).await.unwrap();
    let rows: Vec<Param<'_>> = (0..5_000_i64)
        .flat_map(|id| {
            [
                Param::from(id),
                Param::from(format!("n{id}")),
                Param::from(None::<&str>),
            ]
        })
        .collect();
    let changed = tx
        .insert_many(
            "INSERT INTO sample (id, name, body)",
            "ON CONFLICT DO NOTHING",
            3,
            &rows,
        )
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!((changed, count(&db).await), (5_000, 5_000));
}

#[tokio::test]
async fn a_list_of_texts_binds() {
    const IN: Sql = Sql::each(
        "SELECT count(*) FROM (SELECT value FROM json_each($1)) WHERE value <> $2",
        "SELECT count(*) FROM unnest($1::text[]) AS t(value) WHERE value <> $2",
    );
    let (_dir, db) = fresh().await;
    let names = ["a".to_owned(), "b\"c".to_owned()];
    let row = db
        .read()
        .await
        .unwrap()
        .row(IN, params![&names[..], "a"])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.int(0), 1);
}

#[tokio::test]
async fn a_wrong_url_says_what_is_right() {
    assert_eq!(
        Db::connect("mysql://x").await.unwrap_err().to_string(),
        Error::Url.to_string()
    );
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_on_the_machine_reads_the_database() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite:{}", dir.path().join("a.db").display()))
        .await
        .unwrap();
    let mut files = 0;
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} {mode:o}", file.file_name());
        files += 1;
    }
    assert!(files >= 1);
    db.close().await;
}
