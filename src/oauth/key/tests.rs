use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

use super::*;
use crate::config::SigningAlg::{Es256, Es384, Rs256};
use crate::oauth::testing::World;

/// By a verifier that is not ours.
fn verifies(jwks: &str, token: &str) -> bool {
    let set: JwkSet = serde_json::from_str(jwks).unwrap();
    let header = decode_header(token).unwrap();
    let Some(jwk) = set.find(&header.kid.unwrap()) else {
        return false;
    };
    let mut rules = Validation::new(header.alg);
    rules.required_spec_claims.clear();
    decode::<Value>(token, &DecodingKey::from_jwk(jwk).unwrap(), &rules).is_ok()
}

fn ids(set: &KeySet) -> Vec<String> {
    let set: JwkSet = serde_json::from_str(&set.jwks).unwrap();
    set.keys.into_iter().map(|key| key.common.key_id.unwrap()).collect()
}

/// The standings of the keys of an algorithm, the newest first.
async fn standings(world: &World, alg: SigningAlg) -> Vec<&'static str> {
    let keys = list(&world.issuer, &world.tenant.id).await.unwrap();
    let of_it = keys.into_iter().filter(|key| key.alg == alg);
    of_it.map(|key| key.standing.as_str()).collect()
}

#[tokio::test]
async fn d20_a_key_is_made_once_published_before_it_signs_and_kept_after_it_signed_last() {
    let world = World::without_key().await;
    let (issuer, tenant) = (&world.issuer, &world.tenant.id);
    assert!(!exists(issuer, tenant).await.unwrap());
    let error = load(issuer, tenant).await.unwrap_err();
    assert!(error.to_string().contains("inzage key generate"), "{error}");
    let (one, two) = tokio::join!(generate(issuer, tenant), generate(issuer, tenant));
    one.and(two).unwrap();
    let first = load(issuer, tenant).await.unwrap();
    assert_eq!(ids(&first).len(), 3, "{}", first.jwks);
    for alg in SigningAlg::ALL {
        assert!(first.jwks.contains(&format!("\"alg\":\"{}\"", alg.as_str())));
    }

    let claims = json!({"sub": "x"});
    for alg in SigningAlg::ALL {
        world.clock.advance(SignedDuration::from_hours(24));
        let first = load(issuer, tenant).await.unwrap();
        let old = first.sign(alg, &claims).unwrap();
        assert!(verifies(&first.jwks, &old), "{alg:?}");

        rotate(issuer, tenant, alg, When::Published).await.unwrap();
        world.clock.advance(SignedDuration::from_mins(61));
        let between = load(issuer, tenant).await.unwrap();
        assert_eq!(standings(&world, alg).await, ["waiting", "signing"]);
        assert_ne!(between.etag, first.etag);
        // Still the old key: the new one is only published.
        assert!(verifies(&first.jwks, &between.sign(alg, &claims).unwrap()));

        world.clock.advance(SignedDuration::from_mins(61));
        let after = load(issuer, tenant).await.unwrap();
        let new = after.sign(alg, &claims).unwrap();
        assert!(verifies(&between.jwks, &new) && !verifies(&first.jwks, &new));
        // What was signed before the rotation still verifies, by others and by us.
        assert!(verifies(&after.jwks, &old) && after.read(&old).is_some());
        assert_eq!(standings(&world, alg).await, ["signing", "published"]);

        world.clock.advance(SignedDuration::from_hours(8 * 24));
        let last = load(issuer, tenant).await.unwrap();
        assert!(!verifies(&last.jwks, &old) && verifies(&last.jwks, &new));
        assert!(last.read(&old).is_none() && last.read(&new).is_some());
        for private in jws_members() {
            assert!(!last.jwks.contains(&private), "{private}");
        }
    }
    // The private half of a key that is out of use is not kept.
    world.clock.advance(SignedDuration::from_hours(24));
    let mut tx = issuer.db().begin().await.unwrap();
    assert_eq!(store::purge(&mut tx, world.clock.now()).await.unwrap(), 3);
    tx.commit().await.unwrap();
    assert_eq!(standings(&world, Es384).await, ["signing"]);
}

fn jws_members() -> impl Iterator<Item = String> {
    crate::oauth::jws::PRIVATE
        .into_iter()
        .map(|name| format!("\"{name}\":"))
}

#[tokio::test]
async fn d20_of_fifty_rotations_at_once_one_key_comes() {
    let world = World::new().await;
    let (issuer, tenant) = (&world.issuer, &world.tenant.id);
    generate(issuer, tenant).await.unwrap();
    let claims = json!({"sub": "x"});
    let before = load(issuer, tenant).await.unwrap().sign(Es256, &claims).unwrap();
    // Each by a process of its own: nothing but the database stands between them.
    let rotations = (0..50).map(|number| {
        let alg = [Es256, Es384][number % 2];
        let issuer = Issuer::new(
            &world.config,
            issuer.db().clone(),
            world.clock.clone(),
            issuer.random().clone(),
        );
        async move { (alg, rotate(&issuer, tenant, alg, When::Published).await.unwrap()) }
    });
    let made = futures::future::join_all(rotations).await;
    for alg in [Es256, Es384] {
        let mut kids: Vec<_> = made.iter().filter(|(of, _)| *of == alg).map(|(_, kid)| kid).collect();
        kids.dedup();
        assert_eq!(kids.len(), 1, "{kids:?}");
        assert_eq!(standings(&world, alg).await, ["waiting", "signing"]);
    }
    world.clock.advance(SignedDuration::from_hours(3));
    let after = load(issuer, tenant).await.unwrap();
    assert!(verifies(&after.jwks, &before));
    assert!(verifies(&after.jwks, &after.sign(Es256, &claims).unwrap()));
    let lines = world.audit().await;
    let made = lines.iter().filter(|line| line.starts_with("key-changed success"));
    assert_eq!(made.count(), 4, "two first keys and two next ones: {lines:?}");
}

#[tokio::test]
async fn d20_a_key_in_wrong_hands_is_replaced_at_once_and_taken_out() {
    let world = World::without_key().await;
    let (issuer, tenant) = (&world.issuer, &world.tenant.id);
    generate(issuer, tenant).await.unwrap();
    let claims = json!({"sub": "x"});
    let stolen = load(issuer, tenant).await.unwrap().sign(Es384, &claims).unwrap();
    let old = decode_header(&stolen).unwrap().kid.unwrap();
    assert_eq!(retire(issuer, tenant, &old).await.unwrap(), Err(Stays::Signs));
    assert_eq!(
        retire(issuer, tenant, "no such key").await.unwrap(),
        Err(Stays::Unknown)
    );

    // One waits already, and is not fast enough.
    world.clock.advance(SignedDuration::from_mins(10));
    let waiting = rotate(issuer, tenant, Es384, When::Published).await.unwrap();
    let now = rotate(issuer, tenant, Es384, When::Now).await.unwrap();
    assert_ne!(now, waiting);
    assert_eq!(rotate(issuer, tenant, Es384, When::Now).await.unwrap(), now);
    assert_eq!(standings(&world, Es384).await, ["signing", "retired", "published"]);
    let set = load(issuer, tenant).await.unwrap();
    assert_eq!(
        decode_header(set.sign(Es384, &claims).unwrap()).unwrap().kid,
        Some(now.clone())
    );
    assert!(verifies(&set.jwks, &stolen));
    assert_eq!(retire(issuer, tenant, &old).await.unwrap(), Ok(()));
    let set = load(issuer, tenant).await.unwrap();
    assert!(!verifies(&set.jwks, &stolen) && set.read(&stolen).is_none());
    assert_eq!(retire(issuer, tenant, &old).await.unwrap(), Err(Stays::Unknown));

    // A key that waits is taken back, and the one that signs goes on for good.
    world.clock.advance(SignedDuration::from_mins(10));
    let waiting = rotate(issuer, tenant, Es384, When::Published).await.unwrap();
    assert_eq!(retire(issuer, tenant, &waiting).await.unwrap(), Ok(()));
    world.clock.advance(SignedDuration::from_hours(30 * 24));
    let set = load(issuer, tenant).await.unwrap();
    assert_eq!(decode_header(set.sign(Es384, &claims).unwrap()).unwrap().kid, Some(now));
    assert_eq!(
        decode_header(set.sign(Rs256, &claims).unwrap()).unwrap().alg,
        Algorithm::RS256
    );
}

#[tokio::test]
async fn o11_our_own_tokens_are_read_by_the_algorithm_of_their_key_alone() {
    let world = World::new().await;
    generate(&world.issuer, &world.tenant.id).await.unwrap();
    let set = load(&world.issuer, &world.tenant.id).await.unwrap();
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let token = set.sign(Es256, &json!({"sub": "x"})).unwrap();
    assert_eq!(set.read(&token).unwrap()["sub"], "x");
    let kid = decode_header(&token).unwrap().kid.unwrap();
    let (_, rest) = token.split_once('.').unwrap();
    for header in [
        json!({"alg": "none", "kid": kid}),
        json!({"alg": "HS256", "kid": kid}),
        json!({"alg": "ES384", "kid": kid}),
        json!({"alg": "ES256"}),
        json!({"alg": "ES256", "kid": "other"}),
        json!({"alg": "ES256", "kid": kid, "jku": "https://evil.example/"}),
    ] {
        let forged = format!("{}.{rest}", encode(header.to_string()));
        assert_eq!(set.read(&forged), None, "{header}");
    }
}

#[tokio::test]
async fn c24_nothing_that_is_printed_shows_a_private_key() {
    let world = World::new().await;
    generate(&world.issuer, &world.tenant.id).await.unwrap();
    let set = load(&world.issuer, &world.tenant.id).await.unwrap();
    let printed = format!("{set:?} {:?}", world.issuer);
    let mut read = world.issuer.db().read().await.unwrap();
    for key in store::all(&mut read, &world.tenant.id).await.unwrap() {
        let bound = world.tenant.id.as_str().as_bytes();
        let der = world.issuer.sealer().open(bound, &key.sealed).unwrap();
        // Neither the bytes as they lie in the database nor any stretch of them in the ways that Rust and JSON print bytes.
        let tail = &der[der.len() - 8..];
        let (hex, list) = (hex(tail), format!("{tail:?}"));
        assert!(!printed.contains(&hex) && !printed.contains(list.trim_matches(['[', ']'])));
        assert_ne!(key.sealed, der);
        assert!(!key.sealed.windows(8).any(|window| window == tail));
    }
    assert!(printed.contains("Pair(…)"));
}

#[tokio::test]
async fn l08_each_tenant_has_keys_of_its_own_and_they_open_only_there() {
    let world = World::new().await;
    let one = load(&world.issuer, &world.tenant.id).await.unwrap();
    let two = load(&world.issuer, &world.other.id).await.unwrap();
    assert_ne!(one.jwks, two.jwks);
    let mut read = world.issuer.db().read().await.unwrap();
    let kept = store::all(&mut read, &world.tenant.id).await.unwrap();
    assert!(open(&world.issuer, &world.other.id, &kept, world.clock.now()).is_err());
}
