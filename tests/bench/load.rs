//! A load generator: keep-alive HTTP/1.1 over loopback, a fixed number of connections, a fixed time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What one run measured.
#[derive(Debug, Clone)]
pub struct Load {
    pub requests: u64,
    pub seconds: f64,
    pub p50: Duration,
    pub p99: Duration,
    pub bytes: u64,
}

impl Load {
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// The requests of one run: paths taken in turn, the same headers for each.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub paths: Arc<Vec<String>>,
    pub headers: Arc<String>,
    /// The status that every answer must have; another one ends the run.
    pub status: u16,
}

impl Target {
    pub fn new(address: SocketAddr, paths: Vec<String>, headers: &str) -> Self {
        Self { address, paths: Arc::new(paths), headers: Arc::new(headers.to_owned()), status: 200 }
    }

    /// Runs `connections` at once for `time`.
    pub async fn run(&self, connections: usize, time: Duration) -> Load {
        let started = Instant::now();
        let mut tasks = Vec::new();
        for number in 0..connections {
            let target = self.clone();
            tasks.push(tokio::spawn(async move { target.one(number, started + time).await }));
        }
        let (mut times, mut bytes) = (Vec::new(), 0);
        for task in tasks {
            let (mine, read) = task.await.expect("a load task does not panic");
            times.extend(mine);
            bytes += read;
        }
        let seconds = started.elapsed().as_secs_f64();
        times.sort_unstable();
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
        Load { requests: times.len() as u64, seconds, p50: at(0.50), p99: at(0.99), bytes }
    }

    async fn one(&self, number: usize, until: Instant) -> (Vec<Duration>, u64) {
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket has TCP_NODELAY");
        let (mut times, mut read, mut buffer) = (Vec::new(), 0, Vec::with_capacity(64 * 1024));
        let mut turn = number * 7919;
        while Instant::now() < until {
            let path = &self.paths[turn % self.paths.len()];
            turn += 1;
            let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{}\r\n", self.address, self.headers);
            let sent = Instant::now();
            stream.write_all(request.as_bytes()).await.expect("the server reads");
            let (status, length) = answer(&mut stream, &mut buffer).await;
            assert_eq!(status, self.status, "{path}: {}", String::from_utf8_lossy(&buffer));
            times.push(sent.elapsed());
            read += length as u64;
        }
        (times, read)
    }
}

/// Reads one whole answer: its status and length.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> (u16, usize) {
    buffer.clear();
    let head = loop {
        let count = stream.read_buf(buffer).await.expect("the server answers");
        assert!(count > 0, "the server closed the connection");
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
    let length: usize = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |value| value.trim().parse().expect("a length"));
    while buffer.len() < head + length {
        let count = stream.read_buf(buffer).await.expect("the body arrives");
        assert!(count > 0, "the body ends early");
    }
    (status, head + length)
}
