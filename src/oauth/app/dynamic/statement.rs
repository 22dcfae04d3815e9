//! What somebody else signed of an app (`software_statement`, RFC 7591 §2.3).
//!
//! # Design
//! Whose word counts, the tenant says by a set of public keys; without one nobody's does. What the statement says stands in the
//! place of what the app says itself. It does not stand in the place of the organisation's approval: who approves sees it as a
//! part of the registration.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Told;
use crate::oauth::jws::Jws;

const ALGORITHMS: [&str; 4] = ["ES256", "ES384", "RS256", "PS256"];
/// About the statement itself, and not about the app.
const OF_ITSELF: [&str; 7] = ["iss", "sub", "aud", "iat", "nbf", "exp", "jti"];
const MEMBER: &str = "software_statement";
/// How far the signer's clock may be from ours.
const SKEW: i64 = 60;

fn wrong(code: &'static str, text: &str) -> Told {
    Told::Wrong {
        code,
        text: format!("{MEMBER}: {text}"),
    }
}

/// Puts what a statement says over what the app says; the statement itself stays in what is kept and given back.
pub(super) fn hold(given: &mut Map<String, Value>, keys: &[Value], now: Timestamp) -> Result<(), Told> {
    let Some(statement) = given.get(MEMBER) else {
        return Ok(());
    };
    if keys.is_empty() {
        let text = "none is trusted here; send the metadata themselves";
        return Err(wrong("unapproved_software_statement", text));
    }
    let invalid = |text| wrong("invalid_software_statement", text);
    let jws = statement
        .as_str()
        .and_then(Jws::read)
        .ok_or_else(|| invalid("give a signed JWT"))?;
    let algorithm = jws.says("alg").filter(|algorithm| ALGORITHMS.contains(algorithm));
    let algorithm = algorithm.ok_or_else(|| invalid("sign it by ES256, ES384, RS256 or PS256"))?;
    let named = |key: &&Value| {
        jws.says("kid")
            .is_none_or(|kid| key.get("kid").is_none_or(|own| own == kid))
    };
    if !keys.iter().filter(named).any(|key| jws.signed_by(key, algorithm)) {
        return Err(wrong("unapproved_software_statement", "its signer is not trusted here"));
    }
    if !jws.claims.get("iss").is_some_and(Value::is_string) {
        return Err(invalid("it has to say who made it (iss)"));
    }
    let at = now.as_second();
    let early = |name: &str| {
        jws.claims
            .get(name)
            .is_some_and(|time| time.as_i64().is_none_or(|time| time > at + SKEW))
    };
    let late = jws
        .claims
        .get("exp")
        .is_some_and(|time| time.as_i64().is_none_or(|time| time <= at - SKEW));
    if late || early("nbf") || early("iat") {
        return Err(invalid("it has expired, or does not count yet"));
    }
    let said = jws
        .claims
        .iter()
        .filter(|(name, _)| !OF_ITSELF.contains(&name.as_str()) && *name != MEMBER);
    let said: Vec<(String, Value)> = said.map(|(name, value)| (name.clone(), value.clone())).collect();
    given.extend(said);
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::config::SigningAlg;
    use crate::oauth::key;
    use crate::oauth::testing::World;

    #[tokio::test]
    async fn p02_a_statement_of_a_trusted_signer_counts_more_than_the_apps_own_word() {
        let world = World::new().await;
        let (now, tenants) = (world.clock.now(), [&world.tenant, &world.other]);
        let mut sets = Vec::new();
        for tenant in tenants {
            sets.push(key::load(&world.issuer, &tenant.id).await.unwrap());
        }
        let trusted: Value = serde_json::from_str(&sets[0].jwks).unwrap();
        let trusted = trusted["keys"].as_array().unwrap().clone();
        let sign = |by: usize, changes: Value| {
            let mut claims = json!({
                "iss": "https://registry.example", "client_name": "Keurmerk", "redirect_uris": ["https://signed.example/cb"],
                "exp": now.as_second() + 60,
            });
            for (name, value) in changes.as_object().unwrap() {
                claims[name] = value.clone();
            }
            claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            sets[by].sign(SigningAlg::Rs256, &claims).unwrap()
        };
        let held = |statement: Value, keys: &[Value]| {
            let mut given = json!({
                "client_name": "Eigen naam", "scope": "openid", "redirect_uris": ["https://own.example/cb"],
            });
            given[MEMBER] = statement;
            let Value::Object(mut given) = given else {
                panic!("an object")
            };
            hold(&mut given, keys, now).map(|()| Value::Object(given))
        };
        let good = json!(sign(0, json!({})));
        let said = held(good.clone(), &trusted).unwrap();
        assert_eq!(
            (&said["client_name"], &said["scope"]),
            (&json!("Keurmerk"), &json!("openid"))
        );
        assert_eq!(said["redirect_uris"], json!(["https://signed.example/cb"]));
        assert_eq!(
            (&said[MEMBER], said.get("iss")),
            (&good, None),
            "it is given back as it came"
        );

        let code = |told: Result<Value, Told>| match told {
            Err(Told::Wrong { code, .. }) => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(held(good.clone(), &[])), "unapproved_software_statement");
        assert_eq!(
            code(held(json!(sign(1, json!({}))), &trusted)),
            "unapproved_software_statement"
        );
        let tampered = good.as_str().unwrap().replacen("eyJ", "eyK", 2);
        let unsigned = "eyJhbGciOiJub25lIn0.e30.";
        let past = json!({"exp": now.as_second() - SKEW});
        let future = json!({"nbf": now.as_second() + SKEW + 1});
        // A key that the tenant trusts for something else signs no statement.
        for (name, value) in [
            ("use", json!("enc")),
            ("alg", json!("RS384")),
            ("key_ops", json!(["sign"])),
        ] {
            let mut keys = trusted.clone();
            keys.iter_mut().for_each(|key| key[name] = value.clone());
            assert_eq!(
                code(held(good.clone(), &keys)),
                "unapproved_software_statement",
                "{name}"
            );
        }
        // Headers that would change how the rest is read.
        let (_, rest) = good.as_str().unwrap().split_once('.').unwrap();
        for more in [json!({"crit": ["b64"], "b64": false}), json!({"b64": true})] {
            let mut header = json!({"alg": "RS256"});
            header
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let header = URL_SAFE_NO_PAD.encode(header.to_string());
            let extended = json!(format!("{header}.{rest}"));
            assert_eq!(code(held(extended, &trusted)), "invalid_software_statement", "{more}");
        }
        for statement in [
            json!(7),
            json!("x"),
            json!(tampered),
            json!(unsigned),
            json!(sign(0, json!({"iss": null}))),
            json!(sign(0, past)),
            json!(sign(0, json!({"exp": "soon"}))),
            json!(sign(0, future)),
        ] {
            assert_eq!(
                code(held(statement.clone(), &trusted)),
                "invalid_software_statement",
                "{statement}"
            );
        }
    }
}
