//! A bulk export of everything: how much of it comes a second, and the memory that it takes.

use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inzage::clock::Clock;
use inzage::oauth;
use inzage::secret::Random;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::process;
use super::table::Table;
use super::world::World;

const APP: &str = "bench-backend";
/// How long counting may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// The memory is read once in so many pieces of a file.
const LOOK: usize = 64;

pub async fn measure(world: &World, table: &mut Table) {
    // A gateway of its own: the most that it ever took is then that of the export.
    let (gateway, _) = world.serve().await;
    let (before, _) = process::memory(gateway.id());
    let client = reqwest::Client::new();
    let token = token(world, &client).await;
    let get = |url: String| client.get(url).bearer_auth(&token);
    let begun = get(format!("{}topaz/fhir/$export", world.config.server.public_url))
        .header("accept", "application/fhir+json")
        .header("prefer", "respond-async")
        .send()
        .await
        .expect("the gateway answers");
    assert_eq!(begun.status(), 202, "the export begins");
    let status = begun.headers()["content-location"].to_str().expect("a URL").to_owned();
    let asked = Instant::now();
    let manifest: Value = loop {
        let answer = get(status.clone()).send().await.expect("the gateway answers");
        if answer.status() == 200 {
            break answer.json().await.expect("a manifest is JSON");
        }
        assert!(asked.elapsed() < PATIENCE, "the export is never counted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let counted = asked.elapsed();
    let (started, mut lines, mut bytes, mut pieces) = (Instant::now(), 0_u64, 0_usize, 0_usize);
    let mut memory = Vec::new();
    for file in manifest["output"].as_array().expect("there are files") {
        let url = file["url"].as_str().expect("a file has a URL").to_owned();
        let mut answer = get(url).send().await.expect("the gateway answers");
        assert_eq!(answer.status(), 200, "the file is there");
        let mut of_file = 0_u64;
        while let Some(piece) = answer.chunk().await.expect("the file comes whole") {
            of_file += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
            bytes += piece.len();
            if pieces.is_multiple_of(LOOK) {
                memory.push(process::memory(gateway.id()).0);
            }
            pieces += 1;
        }
        assert_eq!(Some(of_file), file["count"].as_u64(), "as many as were counted");
        lines += of_file;
    }
    let seconds = started.elapsed().as_secs_f64();
    let told = format!(
        "{:.0} resources/s, {:.0} MB/s, after {:.1} s of counting {lines}",
        lines as f64 / seconds,
        bytes as f64 / 1e6 / seconds,
        counted.as_secs_f64()
    );
    table.fact("export of everything", told, "");
    let after = |part: f64| memory[((memory.len() - 1) as f64 * part) as usize];
    let told = format!(
        "{before:.0} MB, then {:.0} / {:.0} / {:.0} MB, most {:.0} MB",
        after(0.25),
        after(0.5),
        after(0.9),
        process::memory(gateway.id()).1
    );
    table.fact(
        "export of everything: memory before, and after 25 / 50 / 90 %",
        told,
        "flat",
    );
}

/// A token of an app in its own name, which is registered here.
async fn token(world: &World, client: &reqwest::Client) -> String {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key is made");
    let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let key = json!({"kty": "EC", "crv": "P-384", "kid": "1", "x": part(x), "y": part(y)});
    let metadata = json!({
        "client_id": APP, "client_name": "Bench", "grant_types": ["client_credentials"], "scope": "system/*.rs",
        "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key]},
    });
    let (now, random) = (Clock::System.now(), Random::Os);
    let mut tx = world.db.begin().await.expect("the database takes writes");
    let registered = oauth::app::register(
        &mut tx,
        &world.tenant().id,
        &metadata,
        &world.config.oauth,
        now,
        &random,
    )
    .await;
    registered.expect("the metadata is in order");
    tx.commit().await.expect("the database takes writes");
    let at = format!("{}topaz/oauth/token", world.config.server.public_url);
    let claims = json!({"iss": APP, "sub": APP, "aud": at, "jti": random.token(), "exp": now.as_second() + 60});
    let header = Header {
        kid: Some("1".to_owned()),
        ..Header::new(Algorithm::ES384)
    };
    let private = pair.to_pkcs8v1().expect("a key can be written");
    let assertion = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_der(private.as_ref()));
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "system/*.rs"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", &assertion.expect("the claims are signed")),
    ];
    let answer = client.post(at).form(&form).send().await.expect("the gateway answers");
    let answer: Value = answer.json().await.expect("tokens are JSON");
    answer["access_token"].as_str().expect("a token").to_owned()
}
