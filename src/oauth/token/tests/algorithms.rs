use jiff::SignedDuration;
use openidconnect::core::{
    CoreGenderClaim, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
};
use openidconnect::{AccessToken, AccessTokenHash, ClientId, EmptyAdditionalClaims, IdToken, IssuerUrl, Nonce};
use serde_json::json;

use super::*;
use crate::config::Tenant;
use crate::oauth::app::register;
use crate::oauth::app::register::Error;
use crate::oauth::key::{self, When};
use crate::oauth::testing::*;
use crate::oauth::token::*;

type Token =
    IdToken<EmptyAdditionalClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

async fn registered(world: &World, alg: &Value) -> Result<String, Error> {
    let mut metadata = json!({
        "client_name": "A", "token_endpoint_auth_method": "none", "redirect_uris": [REDIRECT],
        "id_token_signed_response_alg": alg,
    });
    if alg.is_null() {
        metadata.as_object_mut().unwrap().remove("id_token_signed_response_alg");
    }
    let mut tx = world.issuer.db().begin().await.unwrap();
    let (now, random) = (world.clock.now(), world.issuer.random());
    let made = register(&mut tx, &world.tenant.id, &metadata, &world.config.oauth, now, random).await?;
    tx.commit().await.unwrap();
    assert_eq!(made["id_token_signed_response_alg"], *alg);
    Ok(text(&made, "client_id").to_owned())
}

/// Verifies as a relying party does that takes this algorithm and no other; the at_hash too.
async fn verifies(world: &World, client_id: &str, answer: &Value, alg: CoreJwsSigningAlgorithm) -> bool {
    let keys = key::load(&world.issuer, &world.tenant.id).await.unwrap();
    let set: CoreJsonWebKeySet = serde_json::from_str(&keys.jwks).unwrap();
    let issuer = IssuerUrl::new("https://gateway.example/topaz".to_owned()).unwrap();
    let then = world.clock.now().to_string();
    let verifier = CoreIdTokenVerifier::new_public_client(ClientId::new(client_id.to_owned()), issuer, set)
        .set_allowed_algs([alg])
        .set_time_fn(move || serde_json::from_value(json!(then)).unwrap());
    let token: Token = text(answer, "id_token").parse().unwrap();
    let no_nonce = |nonce: Option<&Nonce>| nonce.map_or(Ok(()), |_| Err("a nonce".to_owned()));
    let Ok(claims) = token.claims(&verifier, no_nonce) else {
        return false;
    };
    let access = AccessToken::new(text(answer, "access_token").to_owned());
    let (alg, key) = (token.signing_alg().unwrap(), token.signing_key(&verifier).unwrap());
    claims.access_token_hash() == Some(&AccessTokenHash::from_token(&access, alg, key).unwrap())
}

#[tokio::test]
async fn o01_o05_an_app_says_what_signs_its_id_tokens_and_the_tenant_says_it_for_the_others() {
    use CoreJwsSigningAlgorithm::{EcdsaP256Sha256, EcdsaP384Sha384, RsaSsaPkcs1V15Sha256};
    let world = World::new().await;
    key::generate(&world.issuer, &world.tenant.id).await.unwrap();
    let tenant_with = |alg| {
        let mut tenant = Tenant::clone(&world.tenant);
        tenant.policy.id_token_alg = alg;
        Arc::new(tenant)
    };
    for (asked, tenants, expected) in [
        (Value::Null, SigningAlg::Rs256, RsaSsaPkcs1V15Sha256),
        (json!("ES256"), SigningAlg::Rs256, EcdsaP256Sha256),
        (json!("ES384"), SigningAlg::Rs256, EcdsaP384Sha384),
        (Value::Null, SigningAlg::Es384, EcdsaP384Sha384),
        (json!("RS256"), SigningAlg::Es384, RsaSsaPkcs1V15Sha256),
    ] {
        let app = registered(&world, &asked).await.unwrap();
        let code = world.code(&[("client_id", &app), ("scope", OFFLINE)]).await;
        let tenant = tenant_with(tenants);
        let form = posted(None, &changed(&code, &[("client_id", &app)]));
        let tokens = body(answer(&world.issuer, &tenant, form).await.unwrap());
        assert!(
            verifies(&world, &app, &tokens, expected.clone()).await,
            "{asked} {tenants:?}"
        );
        let refresh = [
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&tokens, "refresh_token")),
        ];
        let renewed = body(answer(&world.issuer, &tenant, posted(None, &refresh)).await.unwrap());
        assert!(
            verifies(&world, &app, &renewed, expected).await,
            "renewed {asked} {tenants:?}"
        );
    }
    for bad in [json!("none"), json!("HS256"), json!("RS384"), json!(["RS256"])] {
        let error = registered(&world, &bad).await.unwrap_err().to_string();
        assert!(
            error.contains("id_token_signed_response_alg: choose RS256, ES256 or ES384"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn d20_a_token_that_was_signed_before_a_rotation_verifies_after_it() {
    let world = World::new().await;
    let (issuer, tenant) = (&world.issuer, &world.tenant.id);
    let tokens = world.tokens(OFFLINE).await;
    world.clock.advance(SignedDuration::from_mins(2));
    key::rotate(issuer, tenant, SigningAlg::Rs256, When::Now).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(2));
    let alg = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
    assert!(verifies(&world, NATIVE, &tokens, alg.clone()).await);
    let renewed = body(world.refresh(text(&tokens, "refresh_token")).await);
    assert!(verifies(&world, NATIVE, &renewed, alg).await);
    let kid = |tokens: &Value| {
        jsonwebtoken::decode_header(text(tokens, "id_token"))
            .unwrap()
            .kid
            .unwrap()
    };
    assert_ne!(kid(&tokens), kid(&renewed));
    for kid in [kid(&tokens), kid(&renewed)] {
        assert_ne!(
            key::retire(issuer, tenant, &kid).await.unwrap(),
            Err(key::Stays::Unknown),
            "{kid} is published"
        );
    }
}
