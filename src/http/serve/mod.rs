//! Connections: accept, secure, bound, drain.
//!
//! # Design
//! hyper's own limits stop what never becomes a request: a head that does not come, too many headers, too many streams at once,
//! streams that are opened and reset in a row (CVE-2023-44487). Before it knows which HTTP is spoken the waits are bounded
//! here: a handshake has `Waits::handshake`, and a connection that moves no byte in either direction for `Waits::idle` ends,
//! so that neither silence nor a reader that has stopped reading holds a place for ever.
//! On shutdown the listener closes first, then every connection may finish what it is doing, for a bounded time.

mod connection;
mod idle;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::limit::Crowd;
use super::tls::Tls;
use super::{App, inside, router};
use connection::Connections;

/// Open connections; above this new ones wait in the listener's queue.
const CONNECTIONS: usize = 4_096;
/// After an accept that failed (no file descriptors left, for example).
const PAUSE: Duration = Duration::from_millis(100);

/// How long a connection is waited for.
#[derive(Clone, Copy, Debug)]
struct Waits {
    /// The whole TLS handshake.
    handshake: Duration,
    /// A request's head, and the next request on a connection that stays open.
    head: Duration,
    /// Without a byte in either direction.
    idle: Duration,
    /// Requests under way after the shutdown began.
    drain: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            drain: Duration::from_secs(20),
        }
    }
}

/// Serves the gateway until `shutdown` resolves, then lets requests under way finish. Without `tls` in the clear.
pub async fn serve(app: App, listener: TcpListener, tls: Option<Arc<Tls>>, shutdown: impl Future<Output = ()>) {
    let crowd = Crowd::new(app.config.server.front.clone());
    run(router(app), listener, tls, crowd, Waits::default(), shutdown).await;
}

/// Serves health and metrics, on the listener that is not for the outside; `tls` is the certificate of the other one.
pub async fn serve_inside(app: App, listener: TcpListener, tls: Option<Arc<Tls>>, shutdown: impl Future<Output = ()>) {
    let crowd = Crowd::new(app.config.server.front.clone());
    let routes = inside::routes(app, tls);
    run(routes, listener, None, crowd, Waits::default(), shutdown).await;
}

async fn run(
    routes: Router,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    crowd: Crowd,
    waits: Waits,
    shutdown: impl Future<Output = ()>,
) {
    let (room, open) = (Arc::new(Semaphore::new(CONNECTIONS)), GracefulShutdown::new());
    let closing = CancellationToken::new();
    let connections = Arc::new(Connections::new(routes, tls, waits, closing.clone()));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                // One too many of a network: closed without a word, before it costs anything.
                let Some(guest) = crowd.admit(peer.ip()) else {
                    metrics::counter!("connections_refused_total").increment(1);
                    continue;
                };
                let (connections, watcher) = (Arc::clone(&connections), open.watcher());
                tokio::spawn(async move {
                    connections.serve(stream, peer, watcher).await;
                    drop((guest, permit));
                });
            }
            Err(error) => {
                tracing::warn!(error.kind = ?error.kind(), "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    closing.cancel();
    if tokio::time::timeout(waits.drain, open.shutdown()).await.is_err() {
        tracing::warn!("requests that took too long were cut off at shutdown");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = room
        .clone()
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}
