//! `inzage serve`: the gateway until it is told to stop.

use std::process::ExitCode;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::cli::At;
use super::operate::{definitions, open};
use crate::clock::Clock;
use crate::http::{self, App};
use crate::notify::{self, Transport};
use crate::secret::Random;

pub(super) async fn run(at: &At) -> anyhow::Result<ExitCode> {
    definitions()?;
    let (config, db) = open(at).await?;
    let (listen, inside) = (config.server.listen, config.server.admin_listen);
    let bind = async |address, key| {
        TcpListener::bind(address)
            .await
            .with_context(|| format!("{key}: {address} is taken or not ours"))
    };
    let (listener, inside) = (
        bind(listen, "server.listen").await?,
        bind(inside, "server.admin_listen").await?,
    );
    let app = App::new(config, db, Clock::System, Random::Os);
    until_stopped(app, listener, inside).await?;
    Ok(ExitCode::SUCCESS)
}

/// Serves both listeners and sends messages until SIGTERM or Ctrl-C; then requests under way are finished.
pub(super) async fn until_stopped(app: App, listener: TcpListener, inside: TcpListener) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let messages = tokio::spawn(notify::run(
        app.db.clone(),
        app.clock.clone(),
        app.login.outbox.clone(),
        Transport::from(&app.config.sms.transport),
        stop.clone().cancelled_owned(),
    ));
    let health = tokio::spawn(http::serve_inside(app.clone(), inside, stop.clone().cancelled_owned()));
    let gateway = tokio::spawn(http::serve(app.clone(), listener, stop.clone().cancelled_owned()));
    tracing::info!(url = app.config.server.public_url.as_str(), "serving");
    stopped().await?;
    stop.cancel();
    gateway.await.context("the gateway ended badly")?;
    health.await.context("the inner listener ended badly")?;
    messages.await.context("the sender ended badly")?;
    app.db.close().await;
    Ok(())
}

async fn stopped() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        done = tokio::signal::ctrl_c() => done?,
    }
    Ok(())
}
