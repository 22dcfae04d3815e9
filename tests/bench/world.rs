//! Where everything happens: a folder, a database, a mock ECD, a configuration, and the processes of the program.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use inzage::config::{Config, Source, Tenant};
use inzage::db::Db;
use inzage::secret::{MacKey, Random, hex};

use super::options::Options;
use super::people::{self, Person};
use super::process;
use super::table::Cost;

/// The program under test, as cargo built it beside the bench.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_inzage");
/// The key of the first client of the mock.
const FIRST: u64 = 10_101;

pub struct World {
    pub options: Options,
    pub folder: tempfile::TempDir,
    pub url: String,
    pub config: Config,
    pub db: Db,
    pub people: Vec<Person>,
    /// The server process of PostgreSQL, if it runs on this machine.
    postmaster: Option<u32>,
    _mock: Running,
}

/// A second gateway, until this is dropped.
pub struct Replica {
    pub listen: std::net::SocketAddr,
    _running: Running,
}

/// A process that ends with this value.
pub struct Running {
    child: Child,
    /// What it said on standard output until it was ready.
    pub said: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts a process and waits for a line of its standard output that contains `ready`.
    pub fn start(command: &mut Command, ready: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut said = String::new();
        loop {
            let start = said.len();
            let count = output.read_line(&mut said).expect("the program speaks");
            assert!(count > 0, "the program ended before it was ready: {said}");
            if said[start..].contains(ready) {
                break;
            }
        }
        // The rest is read away, so that the program never waits for us.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self { child, said }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl World {
    pub async fn new(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mock = folder.path().join("mock");
        eprintln!("making {} clients", options.clients);
        let running = Running::start(
            Command::new(PROGRAM)
                .args(["mock", "ons", "--listen", "127.0.0.1:0", "--clients"])
                .arg(options.clients.to_string())
                .arg("--report-days")
                .arg(options.report_days.to_string())
                .arg("--data")
                .arg(&mock),
            "key_file",
        );
        let url = match &options.database {
            Some(server) => new_database(server).await,
            None => format!("sqlite:{}", folder.path().join("inzage.db").display()),
        };
        let master = hex(&Random::Os.bytes::<32>());
        std::fs::write(folder.path().join("master.key"), master).expect("the folder takes a file");
        let file = folder.path().join("inzage.toml");
        std::fs::write(&file, configuration(&url, &running.said)).expect("the folder takes a file");
        let config = Config::load(&file).unwrap_or_else(|problems| panic!("{problems:?}"));
        let db = Db::open(&url).await.expect("a fresh database opens");
        let mut world = Self {
            postmaster: postmaster(&url).await,
            options,
            folder,
            url,
            config,
            db,
            people: Vec::new(),
            _mock: running,
        };
        world.people = people::register(&world).await;
        world
    }

    pub fn tenant(&self) -> &Arc<Tenant> {
        self.config.tenant("topaz").expect("the configuration has it")
    }

    /// The key of the tenant's resource ids.
    pub fn ids(&self) -> MacKey {
        self.config.master.mac_key("resource-id:topaz")
    }

    /// Lets the source revise one report in a hundred; how many that were.
    pub async fn revise(&self) -> u64 {
        let Some(Source::Ons(source)) = &self.tenant().source else {
            panic!("the tenant has a source")
        };
        let read = |path| std::fs::read(path).expect("the mock left its certificates");
        let identity = [read(&source.certificate_file), read(&source.key_file)].concat();
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&read(&source.ca_file)).expect("a certificate")])
            .identity(reqwest::Identity::from_pem(&identity).expect("a certificate and its key"))
            .build()
            .expect("the settings are in order");
        let url = source.base_url.join("/mock/revise?percent=1").expect("a path");
        let answer = client.post(url).send().await.expect("the mock answers");
        let told: serde_json::Value = answer.json().await.expect("the mock tells");
        told["reports"].as_u64().expect("the mock counts")
    }

    /// The keys of all clients in the source.
    pub fn clients(&self) -> impl Iterator<Item = u64> {
        FIRST..FIRST + self.options.clients as u64
    }

    /// The program with this configuration.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).arg("--config").arg(self.config_file());
        // Its log is written as in production, to nowhere.
        command.stderr(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn config_file(&self) -> PathBuf {
        self.folder.path().join("inzage.toml")
    }

    /// Starts the gateway; how long it took until it answered that it is ready.
    pub async fn serve(&self) -> (Running, Duration) {
        let started = Instant::now();
        let child = self.command(&["serve"]).spawn().expect("the program starts");
        let gateway = Running {
            child,
            said: String::new(),
        };
        let ready = super::load::Target {
            address: self.config.server.admin_listen,
            paths: Arc::new(vec!["/health/ready".to_owned()]),
            headers: Arc::default(),
            status: 200,
        };
        while ready.once().await.0 != 200 {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "the gateway does not become ready"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        (gateway, started.elapsed())
    }

    /// A second gateway on the same database.
    pub async fn replica(&self) -> Replica {
        let at = || std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (listen, admin) = (at(), at());
        let mut command = self.command(&["serve"]);
        command.env("INZAGE__SERVER__LISTEN", listen.to_string());
        command.env("INZAGE__SERVER__ADMIN_LISTEN", admin.to_string());
        let running = Running {
            child: command.spawn().expect("the program starts"),
            said: String::new(),
        };
        let ready = super::load::Target {
            address: admin,
            paths: Arc::new(vec!["/health/ready".to_owned()]),
            headers: Arc::default(),
            status: 200,
        };
        let started = Instant::now();
        while ready.once().await.0 != 200 {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "the second gateway does not become ready"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Replica {
            listen,
            _running: running,
        }
    }

    /// Processor time per request of `server` and of the database between two calls.
    pub fn spent(&self, server: u32) -> Spent {
        Spent {
            server: process::cpu_seconds(server),
            database: self.postmaster.map_or(0.0, process::cpu_seconds_below),
        }
    }

    pub async fn end(self) {
        self.db.close().await;
        if let Some(server) = &self.options.database {
            let name = self.url.rsplit('/').next().unwrap_or_default();
            execute(server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

/// Processor seconds so far.
#[derive(Clone, Copy)]
pub struct Spent {
    pub server: f64,
    pub database: f64,
}

impl Spent {
    pub fn since(self, before: Self, requests: u64) -> Cost {
        let each = |seconds: f64| seconds.max(0.0) * 1e6 / requests.max(1) as f64;
        Cost {
            server: each(self.server - before.server),
            database: each(self.database - before.database),
        }
    }
}

fn configuration(url: &str, mock: &str) -> String {
    let mut text = String::new();
    let (listen, admin) = (free_port(), free_port());
    let _ = write!(
        text,
        "[server]\nlisten = \"127.0.0.1:{listen}\"\nadmin_listen = \"127.0.0.1:{admin}\"\n\
         public_url = \"http://127.0.0.1:{listen}/\"\nspool_dir = \"spool\"\n[database]\nurl = \"{url}\"\n\
         [server.limits]\nfhir_per_minute = 100000000\nfhir_at_once = 1000\nfhir_per_app_per_hour = 100000000\n\
         token_per_minute = 100000000\nnetwork_per_minute = 100000000\n[secrets]\nmaster_key_file = \"master.key\"\n[sms]\ndir = \"outbox\"\n[tenant.topaz]\nname = \"Topaz\"\n\
         [tenant.topaz.ons]\n"
    );
    let settings = mock.lines().filter(|line| line.contains(" = \""));
    settings.for_each(|line| text.push_str(&format!("{line}\n")));
    text
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("the listener is bound").port()
}

async fn new_database(server: &str) -> String {
    let name = format!("bench_{}", hex(&Random::Os.bytes::<6>()));
    execute(server, format!("CREATE DATABASE {name}")).await;
    let mut url = url::Url::parse(server).expect("--database is a URL");
    url.set_path(&name);
    url.into()
}

/// Does what PostgreSQL would do by itself a minute after a load, so that it is not done while requests are measured.
pub async fn settle(url: &str) {
    if url.starts_with("sqlite:") {
        return;
    }
    for text in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
        execute(url, text.to_owned()).await;
    }
}

async fn execute(server: &str, text: String) {
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
    let mut connection = sqlx::PgConnection::connect(server).await.expect("the server is there");
    connection
        .execute(AssertSqlSafe(text))
        .await
        .expect("the role may do this");
    connection.close().await.expect("the connection closes");
}

/// The parent of all back ends, found through one of them.
async fn postmaster(url: &str) -> Option<u32> {
    use sqlx::Connection as _;
    if url.starts_with("sqlite:") {
        return None;
    }
    let mut connection = sqlx::PgConnection::connect(url).await.ok()?;
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut connection)
        .await
        .ok()?;
    process::parent(u32::try_from(pid).ok()?)
}
