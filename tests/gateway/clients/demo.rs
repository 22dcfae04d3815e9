//! One running `inzage demo` for all tests that need it; it ends when the last of them does.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long the demo may take to serve: it makes content and syncs it first, and this may be an unoptimised build.
const PATIENCE: Duration = Duration::from_secs(240);

static RUNNING: Mutex<Weak<Demo>> = Mutex::new(Weak::new());

pub(super) struct Demo {
    child: Ending,
    folder: tempfile::TempDir,
    address: String,
}

impl Demo {
    /// The running demo, or a new one; `None` when this program has no such command.
    pub(super) fn shared() -> Option<Arc<Self>> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(demo) = running.upgrade() {
            return Some(demo);
        }
        let demo = Arc::new(Self::start()?);
        *running = Arc::downgrade(&demo);
        Some(demo)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The address of the landing page.
    pub(super) fn address(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn start() -> Option<Self> {
        let program = env!("CARGO_BIN_EXE_inzage");
        let help = Command::new(program)
            .args(["demo", "--help"])
            .output()
            .expect("the program starts");
        if !String::from_utf8_lossy(&help.stdout).contains("--listen") {
            return None;
        }
        Some(Self::begin(Place::new()).ready())
    }

    /// Starts one where an earlier one may have left something.
    pub(super) fn begin(Place { folder, address }: Place) -> Self {
        let log = std::fs::File::create(folder.path().join("demo.log")).expect("the folder is writable");
        let child = Command::new(env!("CARGO_BIN_EXE_inzage"))
            .args(["demo", "--listen", &address, "--clients", "6", "--seed", "7", "--data"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file handle can be doubled"))
            .stderr(log)
            .spawn()
            .expect("the program starts");
        Self {
            child: Ending(child),
            folder,
            address,
        }
    }

    /// Waits until it serves.
    pub(super) fn ready(mut self) -> Self {
        let begun = Instant::now();
        while !(self.folder().join("demo.json").exists() && self.answers()) {
            let ended = self.child.0.try_wait().expect("the program can be asked");
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "the demo did not come up:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        self
    }

    /// Kills it as a power cut does.
    pub(super) fn kill(self) -> Place {
        drop(self.child);
        Place {
            folder: self.folder,
            address: self.address,
        }
    }

    /// Whether the landing page answers with 200.
    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect(&self.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(
                stream,
                "GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                self.address
            )?;
            let mut start = [0; 12];
            stream.read_exact(&mut start)?;
            Ok(start.ends_with(b" 200"))
        };
        ask().unwrap_or(false)
    }

    /// The last lines that it wrote.
    fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder().join("demo.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// Where a demo is: its folder and its address belong together.
pub(super) struct Place {
    pub(super) folder: tempfile::TempDir,
    address: String,
}

impl Place {
    pub(super) fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            address: free.expect("a loopback port is free").to_string(),
        }
    }
}

/// A process that ends with this value.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing left to do then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
