//! The authorization server: renewing tokens, checking them, and how soon a withdrawn one is dead on another replica.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use inzage::clock::Clock;
use inzage::config::SigningAlg;
use inzage::oauth::token::{self, By};
use inzage::oauth::{Issuer, key};
use inzage::secret::Random;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::load::{self, Target};
use super::people::{self, Tokens};
use super::process;
use super::table::Table;
use super::world::World;

/// As many apps renew at once.
const AT_ONCE: usize = 32;
/// As many checks of one token.
const CHECKS: u32 = 20_000;
/// As many signatures.
const SIGNED: u32 = 2_000;
/// As many of a token that is not remembered.
const LOOKED_UP: u32 = 2_000;
/// As many tokens are withdrawn.
const WITHDRAWN: usize = 10;

pub async fn measure(world: &World, table: &mut Table) {
    let (gateway, _) = world.serve().await;
    let given = renew_both(world, gateway.id(), table).await;
    check(world, &given, table).await;
    withdraw(world, table).await;
}

/// Renewing alone.
pub async fn refresh(world: &World, table: &mut Table) {
    let (gateway, _) = world.serve().await;
    renew_both(world, gateway.id(), table).await;
}

/// With an id token by each of two algorithms, because its signature is most of the work. The tokens of somebody.
async fn renew_both(world: &World, server: u32, table: &mut Table) -> Tokens {
    let mut somebody = None;
    for (alg, app) in [(SigningAlg::Rs256, people::APP), (SigningAlg::Es256, people::APP_ES256)] {
        let mut given = Vec::new();
        for person in &world.people {
            given.extend(person.tokens_of(world, app).await);
        }
        renew(world, (alg, app), &given, server, table).await;
        somebody = somebody.or(given.pop());
    }
    for alg in [SigningAlg::Rs256, SigningAlg::Es256] {
        sign(world, alg, table).await;
    }
    sign_shorter(table);
    somebody.expect("somebody has access")
}

/// What one signature costs, in this process.
async fn sign(world: &World, alg: SigningAlg, table: &mut Table) {
    let issuer = Issuer::new(&world.config, world.db.clone(), Clock::System, Random::Os);
    let keys = key::load(&issuer, &world.tenant().id).await.expect("there are keys");
    let before = process::cpu_seconds(std::process::id());
    for count in 0..SIGNED {
        keys.sign(alg, &serde_json::json!({ "sub": count })).expect("it signs");
    }
    let spent = process::cpu_seconds(std::process::id()) - before;
    let each = spent * 1e6 / f64::from(SIGNED);
    let what = format!("a signature by {}, CPU", alg.as_str());
    table.fact(&what, format!("{each:.0} us"), "");
}

/// The same by a key of 2048 bits, which the gateway does not make: to know what the longer ones cost.
fn sign_shorter(table: &mut Table) {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key is made");
    let (random, mut signature) = (SystemRandom::new(), vec![0; pair.public_modulus_len()]);
    let before = process::cpu_seconds(std::process::id());
    for count in 0..SIGNED {
        pair.sign(&RSA_PKCS1_SHA256, &random, &count.to_be_bytes(), &mut signature)
            .expect("it signs");
    }
    let spent = process::cpu_seconds(std::process::id()) - before;
    let each = spent * 1e6 / f64::from(SIGNED);
    let what = "a signature by RS256 with 2048 bits, which is not used, CPU";
    table.fact(what, format!("{each:.0} us"), "");
}

/// Every connection renews the tokens of a grant of its own, again and again.
async fn renew(
    world: &World,
    (alg, app): (SigningAlg, &'static str),
    given: &[Tokens],
    server: u32,
    table: &mut Table,
) {
    let address = world.config.server.listen;
    let tokens = (0..AT_ONCE.min(given.len())).map(|at| given[at].refresh.clone());
    let started = Instant::now();
    let before = world.spent(server);
    let time = world.options.time;
    let tasks: Vec<_> = tokens
        .map(|token| tokio::spawn(async move { renewals(address, app, token, started + time).await }))
        .collect();
    let connections = tasks.len();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("a load task does not panic"));
    }
    let load = load::Load::of(times, started.elapsed());
    let cost = world.spent(server).since(before, load.requests);
    let what = format!("refresh of tokens, {connections} apps at once, {}", alg.as_str());
    table.rate(&what, &load, cost, None, "p99 20 ms");
}

async fn renewals(address: SocketAddr, app: &str, mut token: String, until: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a TCP socket has TCP_NODELAY");
    let (mut times, mut buffer) = (Vec::new(), Vec::new());
    while Instant::now() < until {
        let form = format!("grant_type=refresh_token&client_id={app}&refresh_token={token}");
        let sent = Instant::now();
        let (status, body) = post(&mut stream, address, "/topaz/oauth/token", &form, &mut buffer).await;
        times.push(sent.elapsed());
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let body: serde_json::Value = serde_json::from_slice(&body).expect("tokens are JSON");
        body["refresh_token"]
            .as_str()
            .expect("a refresh token")
            .clone_into(&mut token);
    }
    times
}

async fn post(
    stream: &mut TcpStream,
    address: SocketAddr,
    path: &str,
    form: &str,
    buffer: &mut Vec<u8>,
) -> (u16, Vec<u8>) {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let status = load::answer(stream, buffer).await;
    let head = buffer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(0, |at| at + 4);
    (status, buffer.split_off(head))
}

/// What the check of an access token costs before a FHIR request, in this process and without HTTP.
async fn check(world: &World, given: &Tokens, table: &mut Table) {
    let issuer = Issuer::new(&world.config, world.db.clone(), Clock::System, Random::Os);
    let tenant = world.tenant();
    let once = async || {
        let checked = token::check_for_data(&issuer, tenant, &given.access, By::Bearer).await;
        checked.expect("the database is there").expect("the token is good")
    };
    let grant = [once().await.grant];
    for (what, count, goal) in [
        ("check of a token, CPU", CHECKS, "50 us"),
        ("check of a token that is not remembered, CPU", LOOKED_UP, ""),
    ] {
        let before = process::cpu_seconds(std::process::id());
        for _ in 0..count {
            if count == LOOKED_UP {
                token::forget(&issuer, &grant);
            }
            once().await;
        }
        let spent = process::cpu_seconds(std::process::id()) - before;
        let each = spent * 1e6 / f64::from(count);
        table.fact(what, format!("{each:.1} us"), goal);
    }
}

/// How long a token that was withdrawn at one replica still opens something at another.
async fn withdraw(world: &World, table: &mut Table) {
    let other = world.replica().await;
    let mut waits = Vec::new();
    for person in world.people.iter().cycle().take(WITHDRAWN) {
        let Some(given) = person.tokens(world).await else {
            continue;
        };
        let target = Target {
            address: other.listen,
            paths: Arc::new(vec![format!("/topaz/fhir/Patient/{}", person.patient)]),
            headers: Arc::new(format!(
                "Authorization: Bearer {}\r\nConnection: close\r\n",
                given.access
            )),
            status: 200,
        };
        // The other replica remembers it from now on.
        assert_eq!(target.once().await.0, 200, "the token is good");
        let mut stream = TcpStream::connect(world.config.server.listen)
            .await
            .expect("the server listens");
        let form = format!("client_id=bench&token={}", given.refresh);
        let address = world.config.server.listen;
        let (status, _) = post(&mut stream, address, "/topaz/oauth/revoke", &form, &mut Vec::new()).await;
        assert_eq!(status, 200, "it is withdrawn");
        let withdrawn = Instant::now();
        while target.once().await.0 == 200 {
            assert!(withdrawn.elapsed() < Duration::from_secs(10), "it is never dead");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        waits.push(withdrawn.elapsed());
    }
    let most = waits.iter().max().copied().unwrap_or_default();
    let what = format!("a withdrawn token at another replica, the longest of {}", waits.len());
    table.fact(&what, format!("{:.0} ms", most.as_secs_f64() * 1e3), "1 s");
}
