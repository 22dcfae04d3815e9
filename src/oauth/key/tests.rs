use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};

use super::*;
use crate::oauth::testing::World;

fn verifies(jwks: &str, token: &str) -> bool {
    let set: JwkSet = serde_json::from_str(jwks).unwrap();
    let kid = decode_header(token).unwrap().kid.unwrap();
    let Some(jwk) = set.find(&kid) else { return false };
    let mut rules = Validation::new(Algorithm::RS256);
    rules.required_spec_claims.clear();
    decode::<Value>(token, &DecodingKey::from_jwk(jwk).unwrap(), &rules).is_ok()
}

#[tokio::test]
async fn d20_a_key_is_made_once_published_before_it_signs_and_kept_after_it_signed_last() {
    let world = World::without_key().await;
    let (issuer, tenant) = (&world.issuer, &world.tenant.id);
    let (one, two) = tokio::join!(load(issuer, tenant), load(issuer, tenant));
    let first = one.unwrap();
    assert_eq!(first.jwks, two.unwrap().jwks);
    let claims = json!({"sub": "x"});
    let old = first.sign(&claims).unwrap();
    assert!(verifies(&first.jwks, &old));

    rotate(issuer, tenant).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(61));
    let between = load(issuer, tenant).await.unwrap();
    let set: JwkSet = serde_json::from_str(&between.jwks).unwrap();
    assert_eq!(set.keys.len(), 2);
    assert_ne!(between.etag, first.etag);
    // Still the old key: the new one is only published.
    assert!(verifies(&first.jwks, &between.sign(&claims).unwrap()));

    world.clock.advance(SignedDuration::from_mins(61));
    let after = load(issuer, tenant).await.unwrap();
    let new = after.sign(&claims).unwrap();
    assert!(verifies(&between.jwks, &new) && !verifies(&first.jwks, &new));
    assert!(verifies(&after.jwks, &old));

    world.clock.advance(SignedDuration::from_hours(8 * 24));
    let last = load(issuer, tenant).await.unwrap();
    assert!(!verifies(&last.jwks, &old) && verifies(&last.jwks, &new));
    for private in ["\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\""] {
        assert!(!last.jwks.contains(private), "{private}");
    }
}

#[tokio::test]
async fn l08_each_tenant_has_keys_of_its_own_and_they_open_only_there() {
    let world = World::new().await;
    let one = load(&world.issuer, &world.tenant.id).await.unwrap();
    let two = load(&world.issuer, &world.other.id).await.unwrap();
    assert_ne!(one.jwks, two.jwks);
    let mut read = world.issuer.db().read().await.unwrap();
    let kept = store::published(&mut read, &world.tenant.id, world.clock.now())
        .await
        .unwrap();
    assert!(open(&world.issuer, &world.other.id, &kept, world.clock.now()).is_err());
}
