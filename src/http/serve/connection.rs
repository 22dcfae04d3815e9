//! One connection, from its first byte to its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use super::Waits;
use super::idle::Idle;
use crate::http::tls::Tls;

/// What an HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Between two looks at a beginning that could still become either HTTP.
const LOOK: Duration = Duration::from_millis(20);
/// Streams of one HTTP/2 connection at once.
const STREAMS: u32 = 100;
/// Streams that the peer opened and reset before they were looked at; more end the connection.
const RESETS: usize = 20;
/// Streams that we had to reset because of the peer's errors; more end the connection.
const ERRORS: usize = 100;

/// What all connections of a listener have in common.
pub(super) struct Connections {
    routes: Router,
    tls: Option<Arc<Tls>>,
    waits: Waits,
    closing: CancellationToken,
    either: Builder<TokioExecutor>,
    http1: Builder<TokioExecutor>,
    http2: Builder<TokioExecutor>,
}

impl Connections {
    pub fn new(routes: Router, tls: Option<Arc<Tls>>, waits: Waits, closing: CancellationToken) -> Self {
        let either = builder(waits);
        Self {
            routes,
            tls,
            waits,
            closing,
            http1: either.clone().http1_only(),
            http2: either.clone().http2_only(),
            either,
        }
    }

    pub async fn serve(&self, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        match &self.tls {
            None => {
                // At shutdown nobody waits for a peer that has said nothing yet.
                let speaks = speaks(&stream, self.waits.head);
                if self.closing.run_until_cancelled(speaks).await.unwrap_or(false) {
                    let stream = Idle::new(stream, self.waits.idle);
                    self.requests(&self.either, stream, peer, watcher).await;
                }
            }
            Some(tls) => {
                let shaken = tls.acceptor().accept(Idle::new(stream, self.waits.idle));
                let shaken = tokio::time::timeout(self.waits.handshake, shaken);
                // A handshake that fails is the peer's to see; how many do is ours.
                let stream = match self.closing.run_until_cancelled(shaken).await {
                    None => return,
                    Some(Ok(Ok(stream))) => stream,
                    Some(Ok(Err(_))) => return failed("refused"),
                    Some(Err(_)) => return failed("slow"),
                };
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let builder = if http2 { &self.http2 } else { &self.http1 };
                self.requests(builder, stream, peer, watcher).await;
            }
        }
    }

    async fn requests<S>(&self, builder: &Builder<TokioExecutor>, stream: S, peer: SocketAddr, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let routes = self.routes.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            routes.clone().call(request)
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        // A connection that breaks is the peer's affair; its requests were logged by the edge.
        let _ = watcher.watch(connection).await;
    }
}

fn failed(why: &'static str) {
    metrics::counter!("tls_handshakes_failed_total", "why" => why).increment(1);
}

fn builder(waits: Waits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(waits.head)
        .max_buf_size(32 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(ERRORS)
        .max_header_list_size(16 * 1024)
        .max_send_buf_size(256 * 1024)
        .keep_alive_interval(Some(waits.head))
        .keep_alive_timeout(waits.head);
    builder
}

/// Whether the peer says within `limit` which HTTP it speaks. The bytes stay in the stream.
pub(super) async fn speaks(stream: &TcpStream, limit: Duration) -> bool {
    let told = async {
        let mut start = [0; PREFACE.len()];
        loop {
            let length = stream.peek(&mut start).await?;
            let start = &start[..length];
            if length == 0 || length == PREFACE.len() || !PREFACE.starts_with(start) {
                return io::Result::Ok(length > 0);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    matches!(tokio::time::timeout(limit, told).await, Ok(Ok(true)))
}
