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
}

impl Load {
    /// Requests that took so long each, in so much time.
    pub fn of(mut times: Vec<Duration>, time: Duration) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            times
                .get((times.len() as f64 * share) as usize)
                .copied()
                .unwrap_or_default()
        };
        Self {
            requests: times.len() as u64,
            seconds: time.as_secs_f64(),
            p50: at(0.50),
            p99: at(0.99),
        }
    }

    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// The requests of one connection: paths taken in turn, the same headers for each.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub paths: Arc<Vec<String>>,
    pub headers: Arc<String>,
    /// The status that every answer must have; another one ends the run.
    pub status: u16,
}

/// Runs `connections` at once for `time`; each has a target of its own as long as there are enough.
pub async fn run(targets: &[Target], connections: usize, time: Duration) -> Load {
    let started = Instant::now();
    let mut tasks = Vec::new();
    for number in 0..connections {
        let target = targets[number % targets.len()].clone();
        tasks.push(tokio::spawn(async move { target.one(number, started + time).await }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("a load task does not panic"));
    }
    let seconds = started.elapsed();
    Load::of(times, seconds)
}

impl Target {
    async fn one(&self, number: usize, until: Instant) -> Vec<Duration> {
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket has TCP_NODELAY");
        let (mut times, mut buffer) = (Vec::new(), Vec::with_capacity(64 * 1024));
        let mut turn = number * 7919;
        while Instant::now() < until {
            let path = &self.paths[turn % self.paths.len()];
            turn += 1;
            let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{}\r\n", self.address, self.headers);
            let sent = Instant::now();
            stream.write_all(request.as_bytes()).await.expect("the server reads");
            let status = answer(&mut stream, &mut buffer).await;
            assert_eq!(status, self.status, "{path}: {}", String::from_utf8_lossy(&buffer));
            times.push(sent.elapsed());
        }
        times
    }

    /// One answer, whole.
    pub async fn once(&self) -> (u16, Vec<u8>) {
        let Ok(mut stream) = TcpStream::connect(self.address).await else {
            return (0, Vec::new());
        };
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\n{}\r\n",
            self.paths[0], self.address, self.headers
        );
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        let mut buffer = Vec::new();
        let status = answer(&mut stream, &mut buffer).await;
        let head = buffer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .map_or(0, |at| at + 4);
        (status, buffer.split_off(head))
    }
}

/// Reads one whole answer; its status.
pub async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> u16 {
    buffer.clear();
    let head = loop {
        let count = stream.read_buf(buffer).await.expect("the server answers");
        assert!(count > 0, "the server closed the connection");
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .expect("a status line");
    let length: usize = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |value| value.trim().parse().expect("a length"));
    while buffer.len() < head + length {
        let count = stream.read_buf(buffer).await.expect("the body arrives");
        assert!(count > 0, "the body ends early");
    }
    status
}
