//! Connections: accept, bound, drain.
//!
//! # Design
//! hyper's own limits stop what never becomes a request: a head that does not come, too many headers, too many streams at once.
//! They begin when it knows which HTTP is spoken, so the wait for the bytes that tell is bounded here: connections that say
//! nothing would otherwise stay for ever, and a few thousand of them would be all that the gateway has room for.
//! On shutdown the listener closes first, then every connection may finish what it is doing, for a bounded time.

use std::future::Future;
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
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use super::{App, inside, router};

/// Open connections; above this new ones wait in the listener's queue.
const CONNECTIONS: usize = 4_096;
/// How long a request's head may take, and an idle connection may stay.
const HEAD: Duration = Duration::from_secs(15);
/// What an HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Between two looks at a beginning that could still become either HTTP.
const LOOK: Duration = Duration::from_millis(20);
/// How long requests under way may take after the shutdown began.
const DRAIN: Duration = Duration::from_secs(20);
/// After an accept that failed (no file descriptors left, for example).
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the gateway until `shutdown` resolves, then lets requests under way finish.
pub async fn serve(app: App, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    run(router(app), listener, shutdown).await;
}

/// Serves health and metrics, on the listener that is not for the outside.
pub async fn serve_inside(app: App, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    run(inside::routes(app), listener, shutdown).await;
}

async fn run(routes: Router, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(32 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(16 * 1024)
        .keep_alive_interval(Some(HEAD))
        .keep_alive_timeout(HEAD);
    let builder = Arc::new(builder);
    let closing = CancellationToken::new();
    let (room, connections) = (Arc::new(Semaphore::new(CONNECTIONS)), GracefulShutdown::new());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(error.kind = ?error.kind(), "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (builder, routes, watcher) = (builder.clone(), routes.clone(), connections.watcher());
        let closing = closing.clone();
        tokio::spawn(async move {
            // At shutdown nobody waits for a peer that has said nothing yet.
            if !closing
                .run_until_cancelled(speaks(&stream, HEAD))
                .await
                .unwrap_or(false)
            {
                return;
            }
            let service = service_fn(move |mut request: hyper::Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                routes.clone().call(request)
            });
            let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
            // A connection that breaks is the peer's affair; its requests were logged by the edge.
            let _ = watcher.watch(connection).await;
            drop(permit);
        });
    }
    drop(listener);
    closing.cancel();
    if tokio::time::timeout(DRAIN, connections.shutdown()).await.is_err() {
        tracing::warn!("requests that took too long were cut off at shutdown");
    }
}

/// Whether the peer says within `limit` which HTTP it speaks. The bytes stay in the stream.
async fn speaks(stream: &TcpStream, limit: Duration) -> bool {
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

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = room
        .clone()
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_never_says_which_http_it_speaks_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (bytes, fine) in [
            (&b""[..], false),
            (b"P", false),
            (b"PRI * HTTP/2.0\r\n", false),
            (b"GET", true),
            (b"POST", true),
            (PREFACE, true),
        ] {
            let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            peer.write_all(bytes).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let name = String::from_utf8_lossy(bytes);
            assert_eq!(speaks(&stream, Duration::from_millis(200)).await, fine, "{name:?}");
        }
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        drop(peer);
        assert!(
            !speaks(&stream, HEAD).await,
            "a peer that hung up says nothing any more"
        );
    }
}
