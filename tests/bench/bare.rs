//! The ceiling: bare axum routes on the tables of the gateway, without token, rights, search, headers or log.

use std::net::SocketAddr;
use std::str::FromStr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use sqlx::AssertSqlSafe;
use sqlx::pool::PoolOptions;
use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqliteSynchronous};
use tokio::sync::{mpsc, oneshot};

const READ: &str = "SELECT body FROM resource WHERE tenant = $1 AND type = $2 AND id = $3";
const PAGE: &str = "SELECT body FROM resource WHERE tenant = $1 AND patient = $2 AND type = $3 \
                    ORDER BY date_from DESC, key DESC LIMIT 20";
/// As many lines as go into one commit.
const BATCH: usize = 256;

#[derive(Clone)]
struct Bare {
    pools: Pools,
    audit: mpsc::Sender<Line>,
    document: Bytes,
}

#[derive(Clone)]
enum Pools {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

type Line = ([String; 3], oneshot::Sender<()>);

macro_rules! rows {
    ($self:expr, $sql:expr, $values:expr) => {{
        let [a, b, c] = $values;
        match $self {
            Pools::Sqlite { read, .. } => {
                sqlx::query_scalar::<_, String>($sql)
                    .bind(a)
                    .bind(b)
                    .bind(c)
                    .fetch_all(read)
                    .await
            }
            Pools::Postgres(pool) => {
                sqlx::query_scalar::<_, String>($sql)
                    .bind(a)
                    .bind(b)
                    .bind(c)
                    .fetch_all(pool)
                    .await
            }
        }
        .expect("the statement runs")
    }};
}

/// Serves until the process is ended; says on standard output where.
pub async fn serve(database: &str) {
    let pools = Pools::open(database).await;
    pools.prepare().await;
    let (audit, lines) = mpsc::channel(1_024);
    tokio::spawn(write(pools.clone(), lines));
    let bare = Bare {
        pools,
        audit,
        document: Bytes::from(vec![b'x'; 2_000]),
    };
    let routes = Router::new()
        .route("/static", get(async |State(bare): State<Bare>| bare.document.clone()))
        .route("/read/{id}", get(read))
        .route("/audited/{id}", get(audited))
        .route("/page/{patient}", get(page))
        .route("/audited-page/{patient}", get(audited_page))
        .with_state(bare);
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .expect("a free port");
    println!("{}", listener.local_addr().expect("the listener is bound"));
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("a TCP socket has TCP_NODELAY"));
    axum::serve(listener, routes).await.expect("the server runs");
}

async fn read(State(bare): State<Bare>, Path(id): Path<String>) -> String {
    let mut rows = rows!(&bare.pools, READ, ["topaz", "Observation", &id]);
    rows.pop().expect("the resource is there")
}

async fn audited(State(bare): State<Bare>, Path(id): Path<String>) -> String {
    let mut rows = rows!(&bare.pools, READ, ["topaz", "Observation", &id]);
    bare.line(["read", "Observation", &id]).await;
    rows.pop().expect("the resource is there")
}

async fn page(State(bare): State<Bare>, Path(patient): Path<String>) -> String {
    bundle(&rows!(&bare.pools, PAGE, ["topaz", &patient, "Observation"]))
}

async fn audited_page(State(bare): State<Bare>, Path(patient): Path<String>) -> String {
    let rows = rows!(&bare.pools, PAGE, ["topaz", &patient, "Observation"]);
    bare.line(["search", "Observation", &patient]).await;
    bundle(&rows)
}

fn bundle(bodies: &[String]) -> String {
    let mut text = String::with_capacity(bodies.iter().map(|body| body.len() + 20).sum::<usize>() + 100);
    text.push_str(r#"{"resourceType":"Bundle","type":"searchset","entry":["#);
    for (at, body) in bodies.iter().enumerate() {
        text.push_str(if at == 0 { r#"{"resource":"# } else { r#",{"resource":"# });
        text.push_str(body);
        text.push('}');
    }
    text.push_str("]}");
    text
}

impl Bare {
    async fn line(&self, values: [&str; 3]) {
        let (done, written) = oneshot::channel();
        let line = (values.map(str::to_owned), done);
        self.audit.send(line).await.expect("the writer runs");
        written.await.expect("the line is durable");
    }
}

/// Group commit: what arrives during a commit goes into the next one.
async fn write(pools: Pools, mut lines: mpsc::Receiver<Line>) {
    let mut batch = Vec::with_capacity(BATCH);
    while lines.recv_many(&mut batch, BATCH).await > 0 {
        pools.insert(&batch).await;
        for (_, done) in batch.drain(..) {
            let _ = done.send(());
        }
    }
}

impl Pools {
    async fn open(database: &str) -> Self {
        if !database.starts_with("sqlite:") {
            let options = PoolOptions::new().max_connections(16).test_before_acquire(false);
            return Self::Postgres(options.connect(database).await.expect("the database opens"));
        }
        let options = SqliteConnectOptions::from_str(database)
            .expect("a database URL")
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-16384")
            .pragma("wal_autocheckpoint", "4000");
        let open = async |options, most| {
            let pool = PoolOptions::new().max_connections(most).test_before_acquire(false);
            pool.connect_with(options).await.expect("the database opens")
        };
        Self::Sqlite {
            write: open(options.clone(), 1).await,
            read: open(options.read_only(true), 4).await,
        }
    }

    async fn prepare(&self) {
        let text = "CREATE TABLE IF NOT EXISTS bench_line (action TEXT, type TEXT, about TEXT)";
        self.run(text.to_owned(), &[]).await;
    }

    async fn insert(&self, batch: &[Line]) {
        let places: Vec<String> = (0..batch.len())
            .map(|row| match self {
                Self::Sqlite { .. } => "(?, ?, ?)".to_owned(),
                Self::Postgres(_) => format!("(${}, ${}, ${})", row * 3 + 1, row * 3 + 2, row * 3 + 3),
            })
            .collect();
        let text = format!(
            "INSERT INTO bench_line (action, type, about) VALUES {}",
            places.join(", ")
        );
        let values: Vec<String> = batch.iter().flat_map(|(values, _)| values.clone()).collect();
        self.run(text, &values).await;
    }

    async fn run(&self, text: String, values: &[String]) {
        let text = AssertSqlSafe(text);
        let done = match self {
            Self::Sqlite { write, .. } => {
                let query = values
                    .iter()
                    .fold(sqlx::query(text), |query, value| query.bind(value.clone()));
                query.execute(write).await.map(drop)
            }
            Self::Postgres(pool) => {
                let query = values
                    .iter()
                    .fold(sqlx::query(text), |query, value| query.bind(value.clone()));
                query.execute(pool).await.map(drop)
            }
        };
        done.expect("the statement runs");
    }
}
